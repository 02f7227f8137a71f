"""Address blocks with a special purpose, which contain no image host.

Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries (iana.org/assignments; the newest entry here is that
of RFC 9780), every entry of both, also those that count as globally reachable there: they are anycast services of
protocols, relays and translators, behind which there may be another address. IANA's registries of multicast addresses
(224.0.0.0/4, ff00::/8) and of IPv6 global unicast (2000::/3, outside of which nothing is allocated) complete them.
Python's `ipaddress.is_global` follows the registries with a delay and calls some of these blocks global.
"""

import ipaddress

IPV4_BLOCKS = (
    "0.0.0.0/8",  # "this network", RFC 791
    "0.0.0.0/32",  # "this host on this network", RFC 1122
    "10.0.0.0/8",  # private use, RFC 1918
    "100.64.0.0/10",  # shared address space, RFC 6598
    "127.0.0.0/8",  # loopback, RFC 1122
    "169.254.0.0/16",  # link local, RFC 3927
    "172.16.0.0/12",  # private use, RFC 1918
    "192.0.0.0/24",  # IETF protocol assignments, RFC 6890
    "192.0.0.0/29",  # IPv4 service continuity, RFC 7335
    "192.0.0.8/32",  # IPv4 dummy address, RFC 7600
    "192.0.0.9/32",  # Port Control Protocol anycast, RFC 7723
    "192.0.0.10/32",  # TURN anycast, RFC 8155
    "192.0.0.170/32",  # NAT64/DNS64 discovery, RFC 8880
    "192.0.0.171/32",  # NAT64/DNS64 discovery, RFC 8880
    "192.0.2.0/24",  # documentation, RFC 5737
    "192.31.196.0/24",  # AS112-v4, RFC 7535
    "192.52.193.0/24",  # AMT, RFC 7450
    "192.88.99.0/24",  # deprecated: 6to4 relay anycast, RFC 7526
    "192.88.99.2/32",  # 6a44 relay anycast, RFC 6751
    "192.168.0.0/16",  # private use, RFC 1918
    "192.175.48.0/24",  # direct delegation AS112 service, RFC 7534
    "198.18.0.0/15",  # benchmarking, RFC 2544
    "198.51.100.0/24",  # documentation, RFC 5737
    "203.0.113.0/24",  # documentation, RFC 5737
    "240.0.0.0/4",  # reserved, RFC 1112
    "255.255.255.255/32",  # limited broadcast, RFC 919
    "224.0.0.0/4",  # multicast, RFC 5771
)

IPV6_BLOCKS = (
    "::1/128",  # loopback, RFC 4291
    "::/128",  # unspecified, RFC 4291
    "::ffff:0:0/96",  # IPv4-mapped, RFC 4291
    "64:ff9b::/96",  # IPv4-IPv6 translation, RFC 6052
    "64:ff9b:1::/48",  # IPv4-IPv6 translation, RFC 8215
    "100::/64",  # discard-only, RFC 6666
    "100:0:0:1::/64",  # dummy prefix, RFC 9780
    "2001::/23",  # IETF protocol assignments, RFC 2928
    "2001::/32",  # Teredo, RFC 4380
    "2001:1::1/128",  # Port Control Protocol anycast, RFC 7723
    "2001:1::2/128",  # TURN anycast, RFC 8155
    "2001:1::3/128",  # DNS-SD service registration anycast, RFC 9665
    "2001:2::/48",  # benchmarking, RFC 5180
    "2001:3::/32",  # AMT, RFC 7450
    "2001:4:112::/48",  # AS112-v6, RFC 7535
    "2001:10::/28",  # deprecated: ORCHID, RFC 4843
    "2001:20::/28",  # ORCHIDv2, RFC 7343
    "2001:30::/28",  # drone remote identification, RFC 9374
    "2001:db8::/32",  # documentation, RFC 3849
    "2002::/16",  # 6to4, RFC 3056
    "2620:4f:8000::/48",  # direct delegation AS112 service, RFC 7534
    "3fff::/20",  # documentation, RFC 9637
    "5f00::/16",  # segment routing SIDs, RFC 9602
    "fc00::/7",  # unique local, RFC 4193
    "fe80::/10",  # link local, RFC 4291
    "fec0::/10",  # deprecated: site local, RFC 3879
    "ff00::/8",  # multicast, RFC 4291
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_SPECIAL_V4 = tuple(ipaddress.IPv4Network(block) for block in IPV4_BLOCKS)
_SPECIAL_V6 = tuple(ipaddress.IPv6Network(block) for block in IPV6_BLOCKS)
_GLOBAL_UNICAST_V6 = ipaddress.IPv6Network("2000::/3")


def is_public(address: Address) -> bool:
    """Whether an address is ordinary unicast of the open internet, in none of the blocks above."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in block for block in _SPECIAL_V4)
    return address in _GLOBAL_UNICAST_V6 and not any(address in block for block in _SPECIAL_V6)
