"""The section `api: {limits: …}`: how much one caller may ask for."""

from typing import Annotated

from msgspec import Meta, Struct


class Quota(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bucket of `burst` tokens that fills at `rate` tokens a second. A request takes one."""

    rate: Annotated[float, Meta(ge=0.001, le=1e6, description="Requests a second, on average.")]
    burst: Annotated[int, Meta(ge=1, le=1_000_000, description="Requests at once, after a quiet time.")]


class Quotas(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The quota of each class of routes."""

    cheap: Annotated[Quota, Meta(description="Reads that are answered from memory or the store.")] = Quota(rate=50, burst=200)
    analytics: Annotated[Quota, Meta(description="Reads that are computed.")] = Quota(rate=10, burst=50)
    write: Annotated[Quota, Meta(description="Changes: rules, streams, buffers.")] = Quota(rate=5, burst=30)
    admin: Annotated[Quota, Meta(description="Routes of administrators.")] = Quota(rate=1, burst=10)


class LimitSettings(Quotas, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Quotas and caps for a caller: a token, or else an address. The quotas do not apply to direct callers from this machine, which have
    those of `loopback`, if it is set."""

    loopback: Annotated[Quotas | None, Meta(description="Quotas of callers from this machine without a token; default: none.")] = None
    logins: Annotated[Quota, Meta(description="Failed authentications from one address.")] = Quota(rate=0.1, burst=10)
    commands: Annotated[Quota, Meta(description="Commands on one socket.")] = Quota(rate=100, burst=1000)
    connections: Annotated[int, Meta(ge=1, le=100_000, description="Open connections, of all callers.")] = 10_000
    address_connections: Annotated[int, Meta(ge=1, le=100_000, description="Open connections from one other address.")] = 256
    unsent_mib: Annotated[int, Meta(ge=1, le=1_000_000, description="MiB of answers that wait to be read, of all callers.")] = 256
    address_unsent_mib: Annotated[int, Meta(ge=1, le=1_000_000, description="MiB of answers that wait to be read, of one address.")] = 64
    sockets: Annotated[int, Meta(ge=1, le=100_000, description="Open WebSockets of one caller.")] = 100
    subscriptions: Annotated[int, Meta(ge=1, le=10_000, description="Subscriptions of one socket.")] = 1_000
    rules: Annotated[int, Meta(ge=1, le=100_000, description="Alert rules made by one caller.")] = 500
