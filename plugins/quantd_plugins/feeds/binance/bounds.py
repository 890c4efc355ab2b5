"""Types for the numbers of the exchange. All are bounded, since NaN and infinity would pass as numbers otherwise."""

from typing import Annotated

from msgspec import Meta

Milliseconds = Annotated[int, Meta(gt=0, lt=10**14)]
Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Price = Annotated[float, Meta(gt=0, lt=1e18)]
Size = Annotated[float, Meta(ge=0, lt=1e18)]
Change = Annotated[float, Meta(gt=-1e18, lt=1e18)]
