-- wrk: GET /t/<token>/ for tokens of a file, chosen at random, with a pause before each request.
-- wrk --script look_up.lua URL -- FILE MILLISECONDS; the last line on stdout is JSON.

local tokens, pause_ms = {}, 0
ok, wrong = 0, 0
local threads = {}

function setup(thread)
   table.insert(threads, thread)
end

function init(args)
   for line in io.lines(args[1]) do
      table.insert(tokens, line)
   end
   pause_ms = tonumber(args[2])
   math.randomseed(1)
end

function delay()
   return math.random(pause_ms / 2, pause_ms * 3 / 2)
end

function request()
   return wrk.format("GET", "/t/" .. tokens[math.random(#tokens)] .. "/")
end

function response(status)
   if status == 200 then
      ok = ok + 1
   else
      wrong = wrong + 1
   end
end

function done(summary, latency)
   local right, failed = 0, 0
   for _, thread in ipairs(threads) do
      right = right + thread:get("ok")
      failed = failed + thread:get("wrong")
   end
   local errors = summary.errors
   failed = failed + errors.connect + errors.read + errors.write + errors.timeout
   io.write(string.format(
      '\n{"requests": %d, "errors": %d, "seconds": %.3f, "p50_ms": %.3f, "p95_ms": %.3f, ' ..
      '"p99_ms": %.3f, "max_ms": %.3f}\n',
      right + failed, failed, summary.duration / 1e6, latency:percentile(50) / 1e3,
      latency:percentile(95) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
