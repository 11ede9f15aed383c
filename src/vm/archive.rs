//! Guest kernels in the package archive of Debian and Ubuntu.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::path::Path;

use super::error::Error;
use super::tool::{Tool, said};

const APT_CACHE: Tool = Tool {
    name: "apt-cache",
    purpose: "find a guest kernel in the package archive",
    help: "vrflab vm setup --vmlinuz FILE --modules DIR, with a kernel you have",
};

const APT_GET: Tool = Tool { name: "apt-get", ..APT_CACHE };

/// The packages of one kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KernelPackages {
    /// The kernel's version, as in the names of the packages.
    pub version: String,
    /// The image and, where they are apart, the modules.
    pub names: Vec<String>,
}

/// Finds the newest kernel that the archive offers.
///
/// The package lists know many kernels, of which some can no longer be downloaded; what the
/// general packages depend on is what is kept.
pub(super) fn newest_kernel() -> Result<KernelPackages, Error> {
    let general = general_packages(&said(APT_CACHE.command(&[
        "search",
        "--names-only",
        "^linux-image-",
    ])?)?);
    let mut candidates = BTreeSet::new();
    if !general.is_empty() {
        let mut arguments = vec!["depends", "--important"];
        arguments.extend(general.iter().map(String::as_str));
        candidates = real_images(&said(APT_CACHE.command(&arguments)?)?);
    }
    let newest = candidates.into_iter().max_by(|one, other| by_version(one, other));
    let Some(version) = newest else {
        let why = "its lists are empty, or have no linux-image-amd64 or linux-image-generic; \
                   try: sudo apt-get update";
        return Err(Error::Archive(why.to_owned()));
    };
    let wanted = ["image", "modules", "modules-extra"];
    let wanted = wanted.map(|part| format!("linux-{part}-{version}"));
    let pattern = format!("^linux-(image|modules|modules-extra)-{}$", escaped(&version));
    let found = said(APT_CACHE.command(&["search", "--names-only", &pattern])?)?;
    let found: BTreeSet<&str> = found.lines().filter_map(|line| line.split(' ').next()).collect();
    let names = wanted.into_iter().filter(|name| found.contains(name.as_str())).collect();
    Ok(KernelPackages { version, names })
}

/// Downloads the packages into a directory. Lists that are out of date name files that are gone,
/// so they are renewed once where the user may do that.
pub(super) fn download(packages: &KernelPackages, directory: &Path) -> Result<(), Error> {
    let attempt = || {
        // The download is unpacked by us, not by apt, so it need not be kept from its own user.
        let mut arguments = vec!["-q", "-o", "APT::Sandbox::User=root", "download"];
        arguments.extend(packages.names.iter().map(String::as_str));
        let mut command = APT_GET.command(&arguments)?;
        command.current_dir(directory);
        said(command)
    };
    match attempt() {
        Err(Error::Failed { .. }) if nix::unistd::geteuid().is_root() => {
            update_lists()?;
            attempt().map(drop)
        }
        outcome => outcome.map(drop),
    }
}

/// Renews the package lists.
pub(super) fn update_lists() -> Result<(), Error> {
    said(APT_GET.command(&["-q", "update"])?).map(drop)
}

/// The packages that stand for "the kernel", or "the kernel of this series", in the output of
/// `apt-cache search`: `linux-image-amd64`, `linux-image-6.12-amd64`, `linux-image-generic`,
/// `linux-image-generic-hwe-24.04`.
fn general_packages(search: &str) -> Vec<String> {
    let series = |text: &str| {
        !text.is_empty() && text.chars().all(|letter| letter.is_ascii_digit() || letter == '.')
    };
    let general = |name: &str| match name.strip_prefix("linux-image-") {
        Some("amd64" | "generic") => true,
        Some(rest) => {
            rest.strip_suffix("-amd64").is_some_and(series)
                || rest.strip_prefix("generic-hwe-").is_some_and(series)
        }
        None => false,
    };
    let names = search.lines().filter_map(|line| line.split(' ').next());
    names.filter(|name| general(name)).map(str::to_owned).collect()
}

/// The versions of the images in the output of `apt-cache depends`.
fn real_images(depends: &str) -> BTreeSet<String> {
    let images = depends.lines().filter_map(|line| {
        line.trim().strip_prefix("Depends: ")?.strip_prefix("linux-image-").map(str::to_owned)
    });
    images.filter(|version| version.starts_with(|first: char| first.is_ascii_digit())).collect()
}

/// Compares the numbers in two versions, one after the other.
fn by_version(one: &str, other: &str) -> Ordering {
    let numbers = |version: &str| -> Vec<u64> {
        let parts = version.split(|letter: char| !letter.is_ascii_digit());
        parts.filter_map(|part| part.parse().ok()).collect()
    };
    numbers(one).cmp(&numbers(other)).then_with(|| one.cmp(other))
}

fn escaped(version: &str) -> String {
    version.replace('.', "\\.").replace('+', "\\+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn general_packages_are_told_from_single_kernels_and_other_flavours() {
        let search = "\
linux-image-6.1.0-47-amd64 - Linux 6.1 for 64-bit PCs (signed)
linux-image-6.12-amd64 - Linux for 64-bit PCs (meta-package)
linux-image-6.12-cloud-amd64 - Linux for x86-64 cloud (meta-package)
linux-image-6.12.117+deb12-amd64 - Linux 6.12 for 64-bit PCs (signed)
linux-image-amd64 - Linux for 64-bit PCs (meta-package)
linux-image-amd64-dbg - Debugging symbols (meta-package)
linux-image-generic - Generic Linux kernel image
linux-image-generic-hwe-24.04 - Generic Linux kernel image
linux-image-generic-hwe-24.04-edge - Generic Linux kernel image
";
        assert_eq!(
            general_packages(search),
            [
                "linux-image-6.12-amd64",
                "linux-image-amd64",
                "linux-image-generic",
                "linux-image-generic-hwe-24.04",
            ]
        );
    }

    #[test]
    fn the_newest_is_found_by_number_and_not_by_letter() {
        let depends = "\
linux-image-amd64
  Depends: linux-image-6.1.0-56-amd64
linux-image-6.12-amd64
  Depends: linux-image-6.12.117+deb12-amd64
linux-image-6.9-amd64
  Depends: linux-image-6.9.99+deb12-amd64
linux-image-generic
  Depends: linux-firmware
";
        let newest = real_images(depends).into_iter().max_by(|one, other| by_version(one, other));
        assert_eq!(newest.as_deref(), Some("6.12.117+deb12-amd64"));
    }
}
