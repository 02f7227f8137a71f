"""Which addresses are ordinary ones of the open internet."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.images.fetch.special_addresses import IPV4_BLOCKS, IPV6_BLOCKS, is_public


@pytest.mark.parametrize("block", [*IPV4_BLOCKS, *IPV6_BLOCKS])
def test_a_special_block_is_refused_from_its_first_to_its_last_address(block: str) -> None:
    network = ipaddress.ip_network(block)
    middle = network[network.num_addresses // 2]
    assert not any(map(is_public, (network[0], middle, network[-1])))


@pytest.mark.parametrize(
    "address",
    [
        *("192.88.99.1", "192.88.99.2", "192.31.196.1", "192.52.193.1", "192.175.48.1", "192.0.0.9", "192.0.0.10"),
        *(
            "3fff::1",
            "5f00::1",
            "100:0:0:1::1",
            "2001:1::1",
            "2001:3::1",
            "2001:20::1",
            "2001:30::1",
            "2620:4f:8000::1",
        ),
        *("::8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "4000::1", "fec0::1", "1::1"),
    ],
)
def test_what_python_or_others_call_global_is_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "8.8.8.8", "93.184.216.34", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"),
        *(
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.88.98.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
        ),
        *("2606:4700::1111", "2a00:1450:4001::200e", "2001:200::", "2001:db7:ffff::", "2001:db9::", "3ffe:ffff::1"),
    ],
)
def test_ordinary_addresses_up_to_the_blocks_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses())
def test_nothing_that_python_calls_special_is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert not is_public(address) or (address.is_global and not address.is_multicast)
