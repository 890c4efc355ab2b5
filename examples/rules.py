"""Make an alert rule that is true at once, wait until it fires, and delete it.

python examples/rules.py [SYMBOL]
"""

import asyncio
import sys

from quantd.client import AlertRow, Client, connect


async def firing(client: Client, rule_id: str) -> AlertRow:
    """Wait for the first firing of a rule."""
    async for item in client.alerts():
        if isinstance(item, AlertRow) and item.alert_id == rule_id:
            return item
    raise AssertionError("a stream ends with an error only")


async def main(symbol: str = "BTCUSDT") -> None:
    async with connect() as client:
        rule = await client.add_rule("price", symbol, ">", 1.0)
        try:
            fired = [each for each in await client.fired() if each.alert_id == rule.id]
            text = fired[-1].message if fired else (await firing(client, rule.id)).text
            print(f"rule {rule.id} fired: {text}")
        finally:
            await client.delete_rule(rule.id)
        print(f"{len(await client.rules())} rules are left")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
