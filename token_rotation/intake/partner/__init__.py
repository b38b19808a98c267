"""The format of secret-scanning partners: signature, body and answer."""
