//! A cgroup that looks like a container's, and the pod that the API server tells of.

use anchorwatch_sensor::snapshot::find_cgroup_root;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the last process may take to leave.
const CEILING: Duration = Duration::from_secs(20);

/// Gone, with its parents, when it is dropped.
#[derive(Debug)]
pub struct Container {
    /// From the outermost folder to the container's own.
    folders: Vec<PathBuf>,
    id: String,
    uid: String,
}

impl Container {
    /// Below a folder of our own, so that a real kubelet's are left alone.
    pub fn create() -> Result<Self> {
        let own = u64::from(std::process::id());
        let (id, uid) = (format!("{own:064x}"), format!("00000000-0000-4000-8000-{own:012x}"));
        let mut folder = find_cgroup_root()?;
        let mut folders = Vec::new();
        for name in [
            format!("anchorwatch-bench-{own}"),
            "kubepods".to_owned(),
            format!("pod{uid}"),
            id.clone(),
        ] {
            folder.push(name);
            fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
            folders.push(folder.clone());
        }
        Ok(Self { folders, id, uid })
    }

    /// Whoever writes its process id here is in the container.
    pub fn procs(&self) -> PathBuf {
        let own = self.folders.last().map_or(Path::new("/"), PathBuf::as_path);
        own.join("cgroup.procs")
    }

    /// What all processes in it took of the processors so far, the programs that ran in them included, and what the
    /// machine below spent on others left out.
    pub fn processor_time(&self) -> Result<Duration> {
        let file = self.procs().with_file_name("cpu.stat");
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let usage = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
        let usage = usage.with_context(|| format!("no usage_usec in {}", file.display()))?;
        Ok(Duration::from_micros(usage.trim().parse()?))
    }

    /// The pod, as the API server has it.
    pub fn pod(&self) -> Value {
        let status = json!({
            "name": "main", "containerID": format!("containerd://{}", self.id), "image": "bench", "imageID": "",
            "ready": true, "restartCount": 0,
        });
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "bench", "namespace": "bench", "uid": self.uid, "resourceVersion": "1"},
            "spec": {"containers": [{"name": "main"}]},
            "status": {"containerStatuses": [status]},
        })
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let start = Instant::now();
        for folder in self.folders.iter().rev() {
            while fs::remove_dir(folder).is_err() && folder.exists() {
                if start.elapsed() > CEILING {
                    eprintln!("{} is left behind", folder.display());
                    return;
                }
                std::thread::yield_now();
            }
        }
    }
}
