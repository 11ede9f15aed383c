//! What is wrong with a file, printed for people: bounded, in colour where the terminal has it, with
//! a total at the end.

use super::count;
use super::output::{err, rendered};
use crate::diagnostic::{Diagnostic, Severity, Source, bound, render};
use clap::Args;

/// How much of what is wrong is printed.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct Amount {
    /// Print at most N errors; 0 prints all errors and warnings in full (by default, only the first
    /// five of each kind are)
    #[arg(long, value_name = "N")]
    max_errors: Option<usize>,
}

impl Amount {
    /// The option, where it was given.
    pub fn given(self) -> Option<&'static str> {
        self.max_errors.map(|_| "--max-errors")
    }

    /// What a program gets, which counts for itself.
    pub fn for_programs(self, diagnostics: &[Diagnostic]) -> Vec<Diagnostic> {
        match self.max_errors {
            None | Some(0) => diagnostics.to_vec(),
            Some(most) => bound::first_errors(diagnostics.to_vec(), most),
        }
    }

    fn for_people(self, diagnostics: &[Diagnostic]) -> Vec<Diagnostic> {
        match self.max_errors {
            Some(0) => diagnostics.to_vec(),
            None | Some(_) => bound::grouped(self.for_programs(diagnostics)),
        }
    }
}

/// Prints diagnostics, and where there are errors their number and what follows from them.
pub(super) fn report(
    diagnostics: &[Diagnostic],
    source: &Source,
    amount: Amount,
    consequence: &str,
) {
    if diagnostics.is_empty() {
        return;
    }
    let shown = amount.for_people(diagnostics);
    rendered(&render::text(&shown, source, render::Style { colour: is_coloured() }));
    let (errors, warnings) = counts(diagnostics);
    let is_bounded = shown != diagnostics;
    if errors == 0 && !is_bounded {
        return;
    }
    let kinds = [(errors, "error"), (warnings, "warning")].into_iter().filter(|(n, _)| *n > 0);
    let total: Vec<String> = kinds.map(|(number, kind)| count(number, kind)).collect();
    let consequence = if errors > 0 { consequence } else { "" };
    let more = if is_bounded { "; `--max-errors 0` prints all in full" } else { "" };
    err!("{}{consequence}{more}", total.join(", "));
}

/// How many errors and how many warnings there are.
pub(super) fn counts(diagnostics: &[Diagnostic]) -> (usize, usize) {
    let errors = diagnostics.iter().filter(|it| it.severity == Severity::Error).count();
    (errors, diagnostics.len() - errors)
}

/// Prints diagnostics and no total: what is wrong is not with a file as a whole.
pub(super) fn print(diagnostics: &[Diagnostic], source: &Source) {
    if !diagnostics.is_empty() {
        rendered(&render::text(diagnostics, source, render::Style { colour: is_coloured() }));
    }
}

/// Whether the standard error gets colours: as `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` and `TERM`
/// say, and without these where it is a terminal.
fn is_coloured() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}
