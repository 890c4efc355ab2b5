"""The answer of GET /fapi/v1/exchangeInfo."""

import json
from typing import Any

from quantd.simulator.exchange import Exchange
from quantd.simulator.listing import Listing
from quantd.simulator.wire import UM

QUOTE = "USDT"
CONTRACT_INFO = "!contractInfo"


def exchange_info(exchange: Exchange) -> str:
    """Return rate limits and symbols as compact JSON."""
    return json.dumps(
        {
            "timezone": "UTC",
            "serverTime": exchange.clock.now_ms(),
            "rateLimits": [_weight_limit(exchange.scenario.limits.weight_per_minute)],
            "exchangeFilters": [],
            "assets": [{"asset": QUOTE, "marginAvailable": True, "autoAssetExchange": "-10000"}],
            "symbols": [_symbol(listing) for listing in exchange.listings.values() if listing.status],
        },
        separators=(",", ":"),
        ensure_ascii=False,
    )


def contract_info(listing: Listing, now: int) -> bytes:
    """Return the payload of the contractInfo stream."""
    body = {
        "e": "contractInfo",
        "E": now,
        "s": listing.symbol,
        "ct": listing.contract.kind,
        "dt": listing.contract.delivery,
        "ot": listing.onboarded,
        "cs": listing.status,
        "st": UM,
    }
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def _weight_limit(limit: int) -> dict[str, Any]:
    return {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": limit}


def _symbol(listing: Listing) -> dict[str, Any]:
    price, quantity = listing.wire.price, listing.wire.quantity
    return {
        "symbol": listing.symbol,
        "pair": listing.contract.pair,
        "contractType": listing.contract.kind,
        "deliveryDate": listing.contract.delivery,
        "onboardDate": listing.onboarded,
        "status": listing.status,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": listing.contract.pair.removesuffix(QUOTE),
        "quoteAsset": QUOTE,
        "marginAsset": QUOTE,
        "pricePrecision": price.decimals,
        "quantityPrecision": quantity.decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": listing.sessions.market if listing.sessions else "COIN",
        "underlyingSubType": [],
        "settlePlan": 0,
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "filters": _filters(price.text(1), quantity.text(1)),
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def _filters(tick: str, step: str) -> list[dict[str, Any]]:
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "4529764", "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "1000000000", "stepSize": step},
        {"filterType": "MARKET_LOT_SIZE", "minQty": step, "maxQty": "1000000000", "stepSize": step},
        {"filterType": "MIN_NOTIONAL", "notional": "5"},
    ]
