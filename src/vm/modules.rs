//! Kernel modules: which files a wanted one takes, in which order.

use fs_err as fs;
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

/// What `depmod` has written about the modules of one kernel.
pub(super) struct Modules {
    directory: PathBuf,
    /// By name: the file, and the files that it needs, as written in `modules.dep`.
    files: HashMap<String, Module>,
    builtin: HashSet<String>,
}

#[derive(Debug, Clone)]
struct Module {
    file: String,
    needs: Vec<String>,
}

/// The kernel takes dashes and underscores in a module's name for the same.
fn name(file: &str) -> String {
    let base = file.rsplit('/').next().unwrap_or(file);
    base.split(".ko").next().unwrap_or(base).replace('-', "_")
}

impl Modules {
    /// Reads the lists in a directory `…/lib/modules/VERSION`.
    pub fn read(directory: &Path) -> io::Result<Self> {
        let dependencies = fs::read_to_string(directory.join("modules.dep"))?;
        // A kernel without anything built in that could be a module is thinkable.
        let builtin = fs::read_to_string(directory.join("modules.builtin")).unwrap_or_default();
        Ok(Self::parse(directory, &dependencies, &builtin))
    }

    fn parse(directory: &Path, dependencies: &str, builtin: &str) -> Self {
        let mut files = HashMap::new();
        for line in dependencies.lines() {
            let Some((file, needs)) = line.split_once(':') else { continue };
            let needs = needs.split_whitespace().map(name).collect();
            files.insert(name(file), Module { file: file.to_owned(), needs });
        }
        let builtin = builtin.lines().map(name).collect();
        Self { directory: directory.to_owned(), files, builtin }
    }

    /// Whether the kernel can do what the module does.
    pub fn has(&self, module: &str) -> bool {
        self.files.contains_key(module) || self.builtin.contains(module)
    }

    /// The files to load for these modules, each behind all that it needs; what is built in, or
    /// does not exist in this kernel, takes none.
    pub fn in_order(&self, wanted: &[&str]) -> Vec<PathBuf> {
        let mut seen = HashSet::new();
        let mut order = Vec::new();
        wanted.iter().for_each(|module| self.visit(module, &mut seen, &mut order));
        order
    }

    fn visit<'a>(&'a self, module: &'a str, seen: &mut HashSet<&'a str>, order: &mut Vec<PathBuf>) {
        let Some(found) = self.files.get(module) else { return };
        if !seen.insert(module) {
            return;
        }
        found.needs.iter().for_each(|needed| self.visit(needed, seen, order));
        order.push(self.directory.join(&found.file));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPENDENCIES: &str = "\
kernel/net/mpls/mpls_iptunnel.ko.xz: kernel/net/mpls/mpls_router.ko.xz kernel/net/ipv4/ip_tunnel.ko.xz
kernel/net/mpls/mpls_router.ko.xz: kernel/net/ipv4/ip_tunnel.ko.xz
kernel/net/ipv4/ip_tunnel.ko.xz:
kernel/drivers/net/sch-odd.ko:
";

    fn names(order: &[PathBuf]) -> Vec<String> {
        order.iter().map(|path| name(&path.to_string_lossy())).collect()
    }

    #[test]
    fn a_module_comes_after_all_that_it_needs_and_only_once() {
        let modules = Modules::parse(Path::new("/m"), DEPENDENCIES, "kernel/net/veth.ko\n");
        let order = modules.in_order(&["mpls_iptunnel", "ip_tunnel", "veth", "sch_odd", "nothing"]);
        assert_eq!(names(&order), ["ip_tunnel", "mpls_router", "mpls_iptunnel", "sch_odd"]);
        assert_eq!(order[0], Path::new("/m/kernel/net/ipv4/ip_tunnel.ko.xz"));
    }

    #[test]
    fn what_is_built_in_is_there_without_a_file() {
        let modules = Modules::parse(Path::new("/m"), DEPENDENCIES, "kernel/net/veth.ko\n");
        assert!(modules.has("veth") && modules.has("mpls_router") && !modules.has("vrf"));
        assert!(modules.in_order(&["veth"]).is_empty());
    }
}
