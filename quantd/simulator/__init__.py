"""A local Binance USDⓈ-M futures exchange with a known truth; run it with `python -m quantd.simulator --help`."""
