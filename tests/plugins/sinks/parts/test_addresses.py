"""Which addresses are of the public internet."""

import socket

import pytest

from quantd_plugins.sinks.parts.addresses import Inside, guarded_socket, is_public

INSIDE = """
0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255 192.0.2.1 192.168.1.1 198.18.0.1 224.0.0.251
239.255.255.250 240.0.0.1 255.255.255.255 :: ::1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 64:ff9b::10.0.0.1 64:ff9b:1::1 2002:7f00:1::
fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1 2001:db8::1 ::127.0.0.1
"""


@pytest.mark.parametrize("host", INSIDE.split())
def test_addresses_inside(host: str) -> None:
    assert not is_public(host)
    with pytest.raises(Inside):
        guarded_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, 80)))


@pytest.mark.parametrize("host", ["1.1.1.1", "172.32.0.1", "93.184.216.34", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2606:4700:4700::1111"])
def test_public_addresses(host: str) -> None:
    assert is_public(host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    guarded_socket((family, socket.SOCK_STREAM, 0, "", (host, 80))).close()
