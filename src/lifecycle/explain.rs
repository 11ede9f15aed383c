//! Answering a question about one pair of ends.

use super::check::{CheckError, changes, only, turn, unsaid};
use super::definition::CompiledLab;
use super::error::{OpenError, own, standing};
use super::observer::Observer;
use super::open_files;
use super::running::RunningLab;
use crate::check;
use crate::diagnostic::Source;
use crate::explain::{self, Explanation};
use crate::forward::Network;

/// The answer to a question, and the file that its places are in.
#[derive(Debug)]
pub struct Explained {
    /// The file that the lab is or was built from.
    pub file: Source,
    /// The answer.
    pub explanation: Explanation,
}

impl CompiledLab {
    /// Answers a question, written as a check, by the forwarding model.
    ///
    /// # Errors
    /// The question is no check of this lab.
    pub fn explain(&self, question: &str) -> Result<Explained, CheckError> {
        let lines = [question.to_owned()];
        let checks = only(self.lab(), &lines, &mut unsaid("question", &lines))?;
        let network = Network::of_plan(self.plan());
        let file = self.file().clone();
        let explanation = explain::of_file(self.lab(), &file, &checks[0], &network);
        Ok(Explained { file, explanation })
    }
}

impl RunningLab {
    /// Answers a question, written as a check: by what was built, by what the kernels hold and say, and by sending
    /// what the check sends.
    ///
    /// # Errors
    /// The question is no check of this lab, or the lab cannot be looked at.
    pub fn explain(
        &self,
        question: &str,
        observer: &mut impl Observer,
    ) -> Result<Explained, CheckError> {
        let name = self.name();
        let _held = self.hold(observer)?;
        let record = standing(name)?;
        let built = record.built().map_err(OpenError::Built)?;
        let mut lab = built.clone().standing(&record.changes);
        let lines = [question.to_owned()];
        let checks = only(&lab, &lines, &mut unsaid("question", &lines))?;
        lab.checks.clone_from(&checks);
        open_files::suffice(&lab, false, true)?;
        own(&record.footprint, &record.footprint.namespaces)?;
        observer.locked();
        let changes = changes(&built, &record.changes, lab.name.as_str());
        let standing = check::observe(&lab)?.with_changes(changes);
        let _turn = turn(name, observer)?;
        let asked = &*observer;
        let interrupted = || asked.is_interrupted();
        let file = built.source;
        let [check] = &checks[..] else { unreachable!("one line is one check") };
        let explanation = explain::of_standing((&lab, &file), check, &standing, interrupted)?;
        Ok(Explained { file, explanation })
    }
}
