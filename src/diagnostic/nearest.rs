//! The known name that an unknown one was meant to be.

/// How long a name may be: no known one has as many bytes.
const MAX_LENGTH: usize = 100;
/// How many candidates are looked at, so that many unknown names take no longer than they should.
const MAX_CANDIDATES: usize = 4_000;

/// The candidate nearest to the name, if one is so near that a slip of the keyboard explains the
/// difference: up to a third of the name's characters. Of equally near ones the
/// one that is more alike at its beginning.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > MAX_LENGTH {
        return None;
    }
    let bound = name.chars().count() / 3;
    let folded = name.to_lowercase();
    let kinds = kinds_of(name);
    candidates
        .into_iter()
        .take(MAX_CANDIDATES)
        .filter(|candidate| candidate.len() <= MAX_LENGTH && may_be(kinds, candidate, bound))
        .map(|candidate| (strsim::osa_distance(&folded, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= bound)
        .min_by(|(one, left), (other, right)| {
            let alike = |it: &str| strsim::jaro_winkler(&folded, it);
            one.cmp(other).then(alike(right).total_cmp(&alike(left)))
        })
        .map(|(_, candidate)| candidate)
}

/// Whether a candidate can be so near by the characters that it has: each edit brings in one new kind
/// of them at the most, and takes out one.
fn may_be(kinds: Option<u64>, candidate: &str, bound: usize) -> bool {
    let Some((ours, theirs)) = kinds.zip(kinds_of(candidate)) else { return true };
    (ours & !theirs).count_ones().max((theirs & !ours).count_ones()) as usize <= bound
}

/// The kinds of characters in a text, a bit for each; several may share one. None beyond ASCII, where
/// a character and its lower case may be of different numbers.
fn kinds_of(text: &str) -> Option<u64> {
    let bit = |byte: u8| 1 << (byte.to_ascii_lowercase() % 64);
    text.is_ascii().then(|| text.bytes().fold(0, |kinds, byte| kinds | bit(byte)))
}
