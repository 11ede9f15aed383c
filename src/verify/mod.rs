//! Do the checks of a lab hold? The forwarding model's answer, of what will be built or of what a kernel holds.
//!
//! A [`Judge`] puts a check to a [`Network`](crate::forward::Network) and returns its [`Judgement`]: a
//! [`Verdict`] per address that is probed. A check is proved if it holds for every flow that its probes can
//! be, refuted if some flow contradicts it, and unknown where the model says that it does not know. What
//! takes a running lab, a time or a listening server, is not judged: see [`not_judged`].

mod advice;
mod cause;
mod change;
mod counterpart;
mod culprits;
mod deviation;
mod judge;
mod misfit;
mod pairs;
mod passage;
mod repair;
mod report;
mod standing;
mod survival;
mod verdict;
mod words;

pub use change::{Change, Changes};
pub use culprits::Cause;
pub use deviation::{Deviation, Found};
pub use judge::{Judge, probe_of};
pub use pairs::{PairFinding, PairTrouble, Pairs};
pub use passage::{Decision, Origin, Passage, RoundTrip, Way};
pub use report::{
    CheckResult, EndKind, ExchangeResult, ProbeResult, Report, Visit, Walk, Why, Word, results,
};
pub use standing::{Standing, beside};
pub use survival::{BrokenCheck, FailingPort, Failure, Survival};
pub use verdict::{Fault, Judgement, ProbeJudgement, Refutation, Verdict, not_judged};
pub use words::{UNWANTED, with_labels};
