//! The addresses that this machine has.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All but those of loopback, and those that count on one wire only; none when the kernel does not tell.
pub fn addresses() -> Vec<IpAddr> {
    let mut found = Vec::new();
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the kernel's list is written to a pointer that is ours.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return found;
    }
    let mut next = first;
    // SAFETY: each element is valid until the list is freed, and names the one behind it or none.
    while let Some(interface) = unsafe { next.as_ref() } {
        // SAFETY: an address is that of its family, or null.
        found.extend(unsafe { address(interface.ifa_addr) });
        next = interface.ifa_next;
    }
    // SAFETY: it came from getifaddrs, and nothing of it is kept.
    unsafe { libc::freeifaddrs(first) };
    found.retain(is_of_others);
    found.dedup();
    found
}

/// # Safety
///
/// `address` is null, or points to a socket address that is as long as its family says.
unsafe fn address(address: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: as the caller promises.
    match i32::from(unsafe { address.as_ref() }?.sa_family) {
        libc::AF_INET => {
            // SAFETY: as the caller promises, it is one of this family.
            let address = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as the caller promises, it is one of this family.
            let address = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(Ipv6Addr::from(address.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

fn is_of_others(address: &IpAddr) -> bool {
    let is_of_one_wire = matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
    !address.is_loopback() && !address.is_unspecified() && !is_of_one_wire
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_only_this_machine_reaches_is_left_out() {
        for (address, expected) in
            [("127.0.0.1", false), ("::1", false), ("fe80::1", false), ("10.0.0.1", true), ("fd00::1", true)]
        {
            assert_eq!(is_of_others(&address.parse().expect(address)), expected, "{address}");
        }
        assert!(addresses().iter().all(is_of_others));
    }
}
