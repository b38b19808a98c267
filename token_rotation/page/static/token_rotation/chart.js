"use strict";

/* The curve of rows per second. The points come with the page's parts, the colours from its style. */
const RateChart = (() => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const count = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

  function clock(timezone, withSeconds) {
    const second = withSeconds ? "2-digit" : undefined;
    const format = new Intl.DateTimeFormat("en-GB", { timeZone: timezone, hour: "2-digit", minute: "2-digit", second });
    return (seconds) => format.format(new Date(seconds * 1000));
  }

  /** "1700000000:12.5 1700000005: " as [times, rates]; an unknown rate is null. */
  function points(text) {
    const pairs = text.trim().split(" ").map((each) => each.split(":"));
    return [pairs.map(([at]) => Number(at)), pairs.map(([, rate]) => (rate ? Number(rate) : null))];
  }

  class Chart {
    constructor(host, readout, timezone) {
      this.host = host;
      this.readout = readout;
      this.resting = readout.textContent;
      this.minute = clock(timezone, false);
      this.second = clock(timezone, true);
      this.timezone = timezone;
      this.plot = null;
      this.data = null;
      new ResizeObserver(() => this.fit()).observe(host);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.rebuild());
    }

    show(text) {
      this.host.hidden = !text;
      if (!text) return;
      this.data = points(text);
      if (this.plot) this.plot.setData(this.data);
      else this.rebuild();
    }

    fit() {
      if (this.plot && this.host.clientWidth) {
        this.plot.setSize({ width: this.host.clientWidth, height: this.host.clientHeight });
      }
    }

    rebuild() {
      if (!this.data) return;
      if (this.plot) this.plot.destroy();
      this.plot = new uPlot(this.options(), this.data, this.host);
    }

    options() {
      const axis = {
        stroke: colour("--quiet"),
        font: "12px system-ui, sans-serif",
        ticks: { show: false },
        grid: { stroke: colour("--line"), width: 1 },
      };
      return {
        width: this.host.clientWidth,
        height: this.host.clientHeight,
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
        scales: { x: { time: true, range: (_, first, last) => [Math.min(first, last - 60), last] }, y: { range: (_, __, most) => [0, Math.max(1, most * 1.15)] } },
        axes: [
          { ...axis, space: 80, size: 28, incrs: [5, 10, 15, 30, 60, 120, 180, 300], grid: { show: false },
            values: (_, splits, __, ___, step) => splits.map(step < 60 ? this.second : this.minute) },
          { ...axis, space: 36, size: (_, values) => 14 + 7 * Math.max(2, ...(values || []).map((v) => v.length)),
            values: (_, splits) => splits.map((each) => (Number.isInteger(each) ? count.format(each) : "")) },
        ],
        series: [
          {},
          { stroke: colour("--accent"), fill: colour("--accent-soft"), width: 2, spanGaps: false,
            points: { show: (plot) => plot.data[0].length < 3, size: 6, fill: colour("--accent") } },
        ],
        hooks: { setCursor: [(plot) => this.read(plot.cursor.idx)] },
      };
    }

    read(index) {
      const [times, rates] = this.data;
      const known = index !== null && index !== undefined && index < times.length;
      const rate = known && rates[index] !== null ? count.format(rates[index]) : "\u2013";
      this.readout.textContent = known ? `${this.second(times[index])} ${this.timezone}: ${rate} rows/s` : this.resting;
    }
  }

  return Chart;
})();
