//! The known name that an unknown one was meant to be.

/// The candidate nearest to the name, if one is so near that a slip of the keyboard explains the
/// difference: up to a third of the name's characters. Of equally near ones the
/// one that is more alike at its beginning.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let bound = name.chars().count() / 3;
    let folded = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&folded, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= bound)
        .min_by(|(one, left), (other, right)| {
            let alike = |it: &str| strsim::jaro_winkler(&folded, it);
            one.cmp(other).then(alike(right).total_cmp(&alike(left)))
        })
        .map(|(_, candidate)| candidate)
}
