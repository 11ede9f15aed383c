//! All checks at once: sending, watching, waiting.

use super::capture::Unseen;
use super::control;
use super::delay::Delays;
use super::filter::Sought;
use super::mark::{Signature, Token};
use super::message::Version;
use super::probe::{ERROR_INTERVAL, Probe, Progress};
use super::ready::Ready;
use super::report::{CheckResult, Report};
use super::server::{self, Site};
use super::shape::Shape;
use super::sockets::{Error, Origin, Sockets};
use super::verdict;
use crate::compile::{Check, Expect, Lab, NodeId, Protocol, Sends, Spread, Target};
use crate::kernel::{Worker, on_worker};
use nix::sys::epoll::{Epoll, EpollCreateFlags};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::num::NonZeroU16;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How many probes may be on their way without being late, so that no queue overflows.
pub(super) const WINDOW: usize = 256;
/// When a probe is late and no longer holds up others.
pub(super) const LATE: Duration = Duration::from_millis(300);
/// How soon an interrupt is noticed.
pub(super) const ATTENTION: Duration = Duration::from_millis(100);
/// How many probes of one check are sent at a time when their sending has fallen behind.
const BURST: usize = 16;

/// Makes all checks of a lab that stands, and tells of each as soon as it is known whether it holds,
/// by its place; what must not arrive, and what failed and is explained, is known last.
///
/// # Errors
/// The namespaces cannot be entered or watched. A check that fails is no error.
pub fn run(
    lab: &Lab,
    checks: &[Check],
    on_result: impl FnMut(usize, &CheckResult) + Send,
) -> Result<Report, Error> {
    run_until(lab, checks, || false, on_result)
}

/// [`run`], until `interrupted` says that nobody waits for it any more.
///
/// # Errors
/// As [`run`], and [`Error::Interrupted`].
pub fn run_until(
    lab: &Lab,
    checks: &[Check],
    interrupted: impl Fn() -> bool + Send,
    mut on_result: impl FnMut(usize, &CheckResult) + Send,
) -> Result<Report, Error> {
    if checks.is_empty() {
        return Ok(Report::of(Vec::new()));
    }
    let mut all = checks.to_vec();
    all.extend(control::missing(lab, checks));
    on_worker(|worker| {
        let mut run = Run::open(lab, &all, worker)?;
        let mut results: Vec<Option<CheckResult>> = vec![None; checks.len()];
        let mut held = vec![false; all.len()];
        run.all(interrupted, |run, check| {
            held[check] = true;
            if let Some(known) = results.get_mut(check) {
                let result = verdict::held(run, check);
                on_result(check, &result);
                *known = Some(result);
            }
        })?;
        run.unseen = Unseen::of(&run)?;
        let results = results.into_iter().enumerate().map(|(check, result)| {
            result.unwrap_or_else(|| {
                let result = verdict::remaining(&run, check, &held);
                on_result(check, &result);
                result
            })
        });
        Ok(Report::of(results.collect()))
    })
}

/// Everything that is open while checks are made.
#[derive(Debug)]
pub(super) struct Run<'a> {
    /// The lab.
    pub(super) lab: &'a Lab,
    /// Its checks, and behind them those that show that senders can send.
    pub(super) checks: &'a [Check],
    /// A probe per address of each check, the checks in order.
    pub(super) probes: Vec<Probe>,
    /// What went by and was not seen, once all is over.
    pub(super) unseen: Unseen,
    /// The probes that want nobody to listen on the port that they go to.
    refusals: Vec<usize>,
    /// The slowest answer so far.
    pub(super) slowest: Duration,
    /// How long nodes may keep packets.
    pub(super) delays: Delays,
    /// What is open.
    pub(super) sockets: Sockets<'a>,
    /// How its packets are known.
    pub(super) signature: Signature,
    /// Where it waits.
    pub(super) epoll: Epoll,
    /// The thread that enters namespaces.
    pub(super) worker: &'a mut Worker,
}

impl<'a> Run<'a> {
    fn open(lab: &'a Lab, checks: &'a [Check], worker: &'a mut Worker) -> Result<Self, Error> {
        let mut origins: BTreeMap<Origin<'a>, usize> = BTreeMap::new();
        let mut sites: BTreeMap<Site<'a>, usize> = BTreeMap::new();
        let mut probes = Vec::new();
        let mut rejections: BTreeMap<NodeId, u32> = BTreeMap::new();
        for (place, check) in checks.iter().enumerate() {
            for &to in check.to.addresses() {
                let origin = (check.from.node, Shape::of(check, Version::of(to)));
                let next = origins.len();
                let sender = *origins.entry(origin).or_insert(next);
                let mut probe = Probe::new(place, sender, to);
                if let Expect::Spreads(Spread { sources: Some(_), .. }) = check.expect {
                    probe.witnesses = match check.to {
                        Target::Node { ref takers, .. } => takers.clone(),
                        Target::Address(to) => {
                            lab.holders(to).into_iter().map(|(node, ..)| node).collect()
                        }
                        Target::OnLink { .. } => Vec::new(),
                    };
                }
                for site in server::sites(lab, check, to) {
                    let next = sites.len();
                    probe.servers.push(*sites.entry(site).or_insert(next));
                }
                probes.push(probe);
                if let Expect::Rejected(_) = check.expect {
                    *rejections.entry(check.from.node).or_default() += 1;
                }
            }
        }
        for probe in &mut probes {
            probe.rivals = rejections.get(&checks[probe.check].from.node).copied().unwrap_or(0);
        }
        let token = Token::random()?;
        let sports = checks.iter().filter(|it| matches!(it.protocol(), Protocol::Tcp(_)));
        let sports = || sports.clone().filter_map(|check| check.sends.sport).map(NonZeroU16::get);
        let sports = sports().min().zip(sports().max());
        let mut sockets = Sockets::open(lab, Sought { token, sports }, &origins, sites, worker)?;
        let transfers = |probe: &&Probe| checks[probe.check].sends.transfer.is_some();
        for server in probes.iter().filter(transfers).flat_map(|probe| &probe.servers) {
            sockets.servers[*server].echoes = true;
        }
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(io::Error::from)?;
        let add = |socket: std::os::fd::BorrowedFd<'_>, ready: Ready| {
            epoll.add(socket, ready.event()).map_err(io::Error::from)
        };
        for (place, watch) in sockets.watches.iter().enumerate() {
            add(watch.as_fd(), Ready::Watch(place))?;
        }
        for (place, sender) in sockets.senders.iter().enumerate() {
            if let Ok(sender) = sender {
                add(sender.as_fd(), Ready::Sender(place))?;
            }
        }
        let signature = Signature::new(token);
        let slowest = Duration::ZERO;
        let sizes = checks.iter().map(|check| check.sends.data());
        let delays = Delays::of(lab, sizes.max().unwrap_or(Sends::DATA).into());
        let wants_none = |place: &usize| server::wants_none(&checks[probes[*place].check]);
        let refusals = (0..probes.len()).filter(wants_none).collect();
        Ok(Self {
            lab,
            checks,
            probes,
            unseen: Unseen::default(),
            refusals,
            slowest,
            delays,
            sockets,
            signature,
            epoll,
            worker,
        })
    }

    /// Sends and waits until there is nothing more to wait for. Tells of each check whose probes
    /// must arrive and have all done so.
    fn all(
        &mut self,
        interrupted: impl Fn() -> bool,
        mut on_held: impl FnMut(&Self, usize),
    ) -> Result<(), Error> {
        let mut open = vec![0_usize; self.checks.len()];
        for probe in &self.probes {
            open[probe.check] += 1;
        }
        // Those that must not arrive are waited for longest, so they go first.
        let mut order: Vec<usize> = (0..self.probes.len()).collect();
        order.sort_by_key(|&probe| self.check(probe).expect != Expect::Lost);
        let mut waiting = VecDeque::from(order);
        let mut flying: Vec<usize> = Vec::new();
        while !waiting.is_empty() || !flying.is_empty() {
            if interrupted() {
                return Err(Error::Interrupted);
            }
            let now = Instant::now();
            for (probe, due) in self.turns(&flying) {
                if due <= now {
                    self.send(probe);
                }
            }
            for &probe in &flying {
                for _ in 0..BURST {
                    let next = self.probes[probe].next_sending(self.check(probe));
                    if next.is_none_or(|next| next > now) {
                        break;
                    }
                    self.send(probe);
                }
            }
            let mut room = WINDOW
                .saturating_sub(flying.iter().filter(|&&probe| !self.is_late(probe, now)).count());
            while room > 0 {
                let next = waiting.iter().position(|&probe| !self.is_blocked(probe));
                let Some(probe) = next.and_then(|next| waiting.remove(next)) else { break };
                self.send(probe);
                flying.push(probe);
                room -= 1;
            }
            let read = self.wait(&flying, !waiting.is_empty())?;
            self.hear(&flying)?;
            let is_lost = |probe: &usize| self.check(*probe).expect == Expect::Lost;
            let unanswered =
                if flying.iter().any(is_lost) { self.unanswered() } else { BTreeSet::new() };
            let mut still = Vec::with_capacity(flying.len());
            for place in flying {
                let probe = &self.probes[place];
                let check = &self.checks[probe.check];
                let progress = probe.progress(self.lab, check, self.slowest, read);
                // How long the sender's other probes take says how long to listen for this one.
                let may_be_slow =
                    check.expect == Expect::Lost && unanswered.contains(&check.from.node);
                let is_unique = check.arrival().is_some_and(|arrival| arrival.unique);
                let asks = is_unique && progress == Progress::Held && probe.inquiry.is_none();
                if asks {
                    self.inquire(place);
                }
                if progress == Progress::Open || may_be_slow || asks {
                    still.push(place);
                    continue;
                }
                let probe = &mut self.probes[place];
                probe.attempts.iter_mut().for_each(|attempt| attempt.flight = None);
                probe.verdict = progress;
                for &server in &probe.servers {
                    self.sockets.servers[server].release(&mut self.sockets.own);
                }
                if progress == Progress::Held {
                    let check = probe.check;
                    open[check] -= 1;
                    if open[check] == 0 {
                        on_held(self, check);
                    }
                }
            }
            flying = still;
        }
        Ok(())
    }

    /// Whether a probe waits until others that want nobody to listen on its port are decided, since its far
    /// side may be opened for it, or one that has its source port, by which its connection is known.
    fn is_blocked(&self, probe: usize) -> bool {
        let check = self.check(probe);
        let protocol = check.protocol();
        let has_sport = check.sends.sport.is_some_and(|sport| {
            self.probes.iter().any(|other| {
                let sends = &self.checks[other.check].sends;
                let is_under_way = other.verdict == Progress::Open && !other.attempts.is_empty();
                is_under_way && sends.sport == Some(sport)
            })
        });
        has_sport
            || !server::wants_none(check)
                && self.refusals.iter().any(|&other| {
                    let is_open = self.probes[other].verdict == Progress::Open;
                    is_open && self.check(other).protocol() == protocol
                })
    }

    /// The nodes with probes that are to be answered and of which nothing is known.
    fn unanswered(&self) -> BTreeSet<NodeId> {
        let open = self.probes.iter().filter(|probe| {
            let is_to_be = matches!(self.checks[probe.check].expect, Expect::Arrives(_));
            is_to_be
                && probe.verdict == Progress::Open
                && probe.attempts.iter().all(|it| it.answered.is_none())
        });
        open.map(|probe| self.checks[probe.check].from.node).collect()
    }

    /// Of each node's probes that wait for an ICMP error the one whose turn is next, and when.
    pub(super) fn turns(&self, flying: &[usize]) -> Vec<(usize, Instant)> {
        let mut turns: BTreeMap<NodeId, (usize, Instant, Instant)> = BTreeMap::new();
        for &place in flying {
            let check = self.check(place);
            let Expect::Rejected(_) = check.expect else { continue };
            let Some(last) = self.probes[place].attempts.last() else { continue };
            let turn = turns.entry(check.from.node).or_insert((place, last.sent, last.sent));
            if last.sent < turn.1 {
                (turn.0, turn.1) = (place, last.sent);
            }
            turn.2 = turn.2.max(last.sent);
        }
        turns.into_values().map(|(place, _, latest)| (place, latest + ERROR_INTERVAL)).collect()
    }

    /// The check of a probe.
    pub(super) fn check(&self, probe: usize) -> &'a Check {
        &self.checks[self.probes[probe].check]
    }

    fn is_late(&self, probe: usize, now: Instant) -> bool {
        let last = self.probes[probe].attempts.last();
        last.is_none_or(|last| now.duration_since(last.sent) > LATE)
    }
}
