//! What the kernel throws away, or cannot deliver, without any rule that says so.

use std::net::IpAddr;

use super::chain::Stop;
use super::packet::{Connection, Passing};
use super::rule::{Hook, state};
use super::verdict::{Cause, Decision};
use super::walk::Walk;

impl Walk<'_> {
    /// What the kernel throws away before a packet leaves.
    pub(super) fn leave(&mut self, p: &Passing) -> Result<(), Stop> {
        if p.leaves == "lo" {
            return Ok(());
        }
        if p.source.is_loopback() && !self.runner.network.routes_loopback(&p.leaves) {
            let text = format!("{} may not leave by {} (route_localnet is 0)", p.source, p.leaves);
            return Err(Stop::closed(Decision::told(Cause::Kernel, text)));
        }
        self.see_neighbours(&p.leaves, p.target)?;
        self.below(&p.leaves)
    }

    /// What a container sends to itself by way of the host comes back by the port of the bridge that it left by.
    pub(super) fn turn_back(&self, p: &Passing, c: &Connection) -> Result<(), Stop> {
        let network = self.runner.network;
        if p.reply || p.enters != p.leaves || !network.is_bridge(&p.leaves) {
            return Ok(());
        }
        let ports = network.ports(&p.leaves);
        if c.source != p.target && ports.len() != 1 {
            return Ok(());
        }
        if ports.iter().all(|port| *port == Some(true)) {
            return Ok(());
        }
        if ports.iter().all(|port| *port == Some(false)) {
            let text =
                format!("{} sends nothing back by the port that it came from (hairpin mode)", p.leaves);
            return Err(Stop::closed(Decision::told(Cause::Kernel, text)));
        }
        Err(Stop::unknown(format!("whether {} sends back what came by one port", p.leaves)))
    }

    /// What the kernel throws away when it routes a packet that entered.
    pub(super) fn arrive(&self, p: &Passing) -> Result<(), Stop> {
        if p.enters == "lo" {
            return Ok(());
        }
        let network = self.runner.network;
        let drop = |text: String| Err(Stop::closed(Decision::told(Cause::Kernel, text)));
        if (p.target.is_loopback() || p.source.is_loopback()) && !network.routes_loopback(&p.enters) {
            return drop(format!("loopback addresses may not enter by {}", p.enters));
        }
        let filters = p.source.is_ipv4() && network.filters_reverse_path(&p.enters);
        if filters && !network.is_reverse_path(p.source, &p.enters, false) {
            return drop(format!("{} is not expected on {} (rp_filter)", p.source, p.enters));
        }
        Ok(())
    }

    /// Filters on frames are not read: what they let pass nobody here knows.
    pub(super) fn below(&self, interface: &str) -> Result<(), Stop> {
        let bridge = self.runner.network.is_bridge(interface);
        if self.runner.network.is_programmed(interface) {
            return Err(Stop::unknown(format!("a program on {interface} (XDP) decides before the filters")));
        }
        let below = self.runner.rules.below.iter().find(|below| match &below.devices {
            None => bridge,
            Some(devices) => devices.iter().any(|device| device == interface),
        });
        match below {
            Some(below) => Err(Stop::unknown(format!("{} filters frames of {interface}", below.name))),
            None => Ok(()),
        }
    }

    /// IPv6 finds its neighbours with packets that the filters see too. Found neighbours are remembered for a while, so
    /// that a filter against them is neither open nor closed.
    pub(super) fn see_neighbours(&mut self, interface: &str, target: IpAddr) -> Result<(), Stop> {
        if target.is_ipv4() || interface == "lo" || self.neighbours.contains(interface) {
            return Ok(());
        }
        self.neighbours.insert(interface.to_owned());
        for (icmp, out) in [(135, false), (136, true), (135, true), (136, false)] {
            let here = IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, 1]);
            let there = IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, 2]);
            let all = IpAddr::from([0xff02, 0, 0, 0, 0, 1, 0xff00, 1]);
            let (source, near) = if out { (here, there) } else { (there, here) };
            let name = |there: bool| if there { interface.to_owned() } else { String::new() };
            let mut p = Passing {
                protocol: 58,
                source,
                source_port: 0,
                target: if icmp == 135 { all } else { near },
                port: 0,
                enters: name(!out),
                leaves: name(out),
                mark: 0,
                flags: 0,
                icmp: Some(icmp),
                state: state::UNTRACKED,
                reply: false,
                tracked: false,
            };
            let mut c = Connection {
                mark: 0,
                source,
                target: p.target,
                port: 0,
                new_target: None,
                new_source: None,
                target_sought: true,
                source_sought: true,
                untracked: true,
            };
            let hooks = if out { [Hook::Output, Hook::Postrouting] } else { [Hook::Prerouting, Hook::Input] };
            for hook in hooks {
                self.runner.hook(hook, &mut p, &mut c).map_err(|stop| {
                    Stop::unknown(format!("IPv6 may not find its neighbours on {interface}: {}", stop.by))
                })?;
            }
        }
        Ok(())
    }
}
