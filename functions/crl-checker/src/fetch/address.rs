//! Which addresses may be asked: those of the public internet, and those of private networks that are allowed.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Networks that are asked though they are not of the public internet: where a company keeps its CRLs.
///
/// Read from network addresses (`10.20.0.0/16`, `fd00:1::/32`) and addresses, separated by commas; nothing is none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PrivateNetworks(Vec<IpNet>);

/// Which part of a text is no network.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{part:?} is neither an address nor a network such as 10.20.0.0/16")]
pub struct PrivateNetworksError {
    part: String,
}

/// A host without an address that may be asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddressRefused {
    addresses: Vec<IpAddr>,
    host: String,
}

impl PrivateNetworks {
    /// Those of a host's addresses that may be asked.
    ///
    /// # Errors
    /// [`AddressRefused`] if none may.
    pub(super) fn permitted(&self, host: &str, mut addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, AddressRefused> {
        let all = addresses.clone();
        addresses.retain(|address| self.permit(*address));
        if addresses.is_empty() { Err(AddressRefused { addresses: all, host: host.to_owned() }) } else { Ok(addresses) }
    }

    fn permit(&self, address: IpAddr) -> bool {
        // An IPv4 address in IPv6's clothes reaches the same machine.
        let plain = address.to_canonical();
        is_public(plain) || self.0.iter().any(|network| network.contains(&plain) || network.contains(&address))
    }
}

impl FromStr for PrivateNetworks {
    type Err = PrivateNetworksError;

    fn from_str(text: &str) -> Result<Self, PrivateNetworksError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let network = |part: &str| {
            let part = part.trim();
            let network = part.parse().or_else(|_| part.parse().map(|address: IpAddr| IpNet::from(address)));
            network.map_err(|_| PrivateNetworksError { part: part.to_owned() })
        };
        Ok(Self(text.split(',').map(network).collect::<Result<_, _>>()?))
    }
}

impl fmt::Display for AddressRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.addresses.is_empty() {
            return write!(f, "{} has no address", self.host);
        }
        // A name server may send hundreds.
        let addresses: Vec<_> = self.addresses.iter().take(4).map(ToString::to_string).collect();
        let addresses = addresses.join(", ");
        write!(f, "{} is {addresses}: not of the public internet, and of no private network allowed", self.host)
    }
}

impl std::error::Error for AddressRefused {}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => {
            if NAT64.contains(&address) {
                let [.., a, b, c, d] = address.octets();
                return is_public_v4(Ipv4Addr::new(a, b, c, d));
            }
            GLOBAL_UNICAST.contains(&address) && !SPECIAL_V6.iter().any(|network| network.contains(&address))
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|network| network.contains(&address))
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(a: u16, b: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length)
}

/// What is not globally reachable by IANA's IPv4 special-purpose address registry, and multicast.
///
/// The few anycast services that the registry takes out of 192.0.0.0/24 publish no CRLs.
const SPECIAL_V4: [Ipv4Net; 16] = [
    v4(0, 0, 0, 0, 8),          // this network: RFC 791 section 3.2
    v4(10, 0, 0, 0, 8),         // private: RFC 1918
    v4(100, 64, 0, 0, 10),      // shared, of carriers and of some VPCs: RFC 6598
    v4(127, 0, 0, 0, 8),        // loopback: RFC 1122 section 3.2.1.3
    v4(169, 254, 0, 0, 16),     // link-local, credentials of AWS's services among them: RFC 3927
    v4(172, 16, 0, 0, 12),      // private: RFC 1918
    v4(192, 0, 0, 0, 24),       // protocol assignments: RFC 6890 section 2.1
    v4(192, 0, 2, 0, 24),       // documentation: RFC 5737
    v4(192, 88, 99, 0, 24),     // relays of 6to4, given up: RFC 7526
    v4(192, 168, 0, 0, 16),     // private: RFC 1918
    v4(198, 18, 0, 0, 15),      // benchmarks: RFC 2544
    v4(198, 51, 100, 0, 24),    // documentation: RFC 5737
    v4(203, 0, 113, 0, 24),     // documentation: RFC 5737
    v4(224, 0, 0, 0, 4),        // multicast: RFC 5771
    v4(240, 0, 0, 0, 4),        // reserved: RFC 1112 section 4
    v4(255, 255, 255, 255, 32), // broadcast: RFC 919 section 7
];

/// The only part of IPv6 that is given out for the public internet: RFC 4291 section 2.4 and IANA's address space.
///
/// Outside are the unspecified address, loopback and IPv4-compatible addresses (`::/96`: RFC 4291), local NAT64
/// (`64:ff9b:1::/48`: RFC 8215), discard (`100::/64`: RFC 6666), dummies (`100:0:0:1::/64`: RFC 9780), segment routing
/// (`5f00::/16`: RFC 9602), unique local (`fc00::/7`: RFC 4193, with the instance metadata of EC2 at `fd00:ec2::254`),
/// link-local (`fe80::/10`: RFC 4291), site-local (`fec0::/10`: RFC 3879) and multicast (`ff00::/8`: RFC 4291).
const GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 3);

/// IPv4 through a translator, which is how functions without IPv4 reach it (RFC 6052); the embedded address decides.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 96);

/// What is not globally reachable within global unicast, by IANA's IPv6 special-purpose address registry.
const SPECIAL_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 23), // protocol assignments, with Teredo, benchmarks, ORCHID: RFC 2928, 4380, 5180, 4843, 7343
    v6(0x2001, 0xdb8, 32), // documentation: RFC 3849
    v6(0x2002, 0, 16), // 6to4, whose relays are given up, with any IPv4 address: RFC 3056, 7526
    v6(0x3fff, 0, 20), // documentation: RFC 9637
];

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(private: &str, address: &str) -> bool {
        private.parse::<PrivateNetworks>().unwrap().permit(address.parse().unwrap())
    }

    #[test]
    fn the_public_internet_may_be_asked() {
        let addresses = "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
                       169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.88.98.255 \
                       192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 \
                       203.0.112.255 203.0.114.0 223.255.255.255 2000::1 2001:200::1 2001:db7:ffff::1 2001:db9::1 \
                       2003::1 2600:9000::1 2606:4700::1111 3ffe:ffff::1 3fff:1000::1 64:ff9b::808:808 ::ffff:8.8.8.8";
        for address in addresses.split_whitespace() {
            assert!(permits("", address), "{address}");
        }
    }

    #[test]
    fn nothing_else_may_be_asked() {
        let addresses = "0.0.0.0 0.255.255.255 10.0.0.1 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 \
                       127.255.255.255 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 \
                       192.0.0.255 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 \
                       198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::2 \
                       ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 \
                       64:ff9b::a9fe:a9fe 64:ff9b::1:808:808 64:ff9b:1::808:808 100::1 100:0:0:1::1 1fff::1 2001::1 \
                       2001:2::1 2001:10::1 2001:20::1 2001:1ff::1 2001:db8::1 2002:7f00:1::1 2002:808:808::1 3fff::1 \
                       3fff:fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 febf::1 fec0::1 ff02::1";
        for address in addresses.split_whitespace() {
            assert!(!permits("", address), "{address}");
        }
    }

    #[test]
    fn private_addresses_are_permitted_where_their_network_is() {
        for (private, address, expected) in [
            ("10.20.0.0/16", "10.20.3.4", true),
            ("10.20.0.0/16", "10.21.0.0", false),
            (" 10.20.0.0/16 , 127.0.0.1 ", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("127.0.0.1", "64:ff9b::7f00:1", false),
            ("fd00:1::/32", "fd00:1::5", true),
            ("fd00:1::/32", "fd00:2::5", false),
            ("::1", "::1", true),
            ("10.0.0.0/8", "8.8.8.8", true),
        ] {
            assert_eq!(permits(private, address), expected, "{private} {address}");
        }
    }

    #[test]
    fn the_part_at_fault_is_named() {
        assert_eq!(" ".parse(), Ok(PrivateNetworks::default()));
        for (text, part) in [
            ("10.0.0.0/33", "10.0.0.0/33"),
            ("10.0.0.0/8, ten", "ten"),
            ("10.0.0.0/8,", ""),
            ("10.0.0.0/8 fd00::/8", "10.0.0.0/8 fd00::/8"),
            ("crl.example.com", "crl.example.com"),
        ] {
            assert_eq!(text.parse::<PrivateNetworks>(), Err(PrivateNetworksError { part: part.to_owned() }), "{text}");
        }
    }

    #[test]
    fn of_several_addresses_the_permitted_ones_remain() {
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let private = PrivateNetworks::default();
        let mixed = addresses(&["10.0.0.1", "8.8.8.8", "::1", "2606:4700::1111"]);
        assert_eq!(private.permitted("a", mixed), Ok(addresses(&["8.8.8.8", "2606:4700::1111"])));
        let refused = private.permitted("crl.example.com", addresses(&["10.0.0.1", "::1"])).unwrap_err();
        let expected =
            "crl.example.com is 10.0.0.1, ::1: not of the public internet, and of no private network allowed";
        assert_eq!(refused.to_string(), expected);
        assert_eq!(private.permitted("a", Vec::new()).unwrap_err().to_string(), "a has no address");
    }
}
