//! Runs pip to download one pinned wheel, whatever Python this machine has, and watches the bytes arrive.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::error::Error;
use crate::lock::{Wheel, WheelFile};

/// How often the bytes so far are reported.
const REPORT_EVERY: Duration = Duration::from_millis(500);
/// How much of pip's complaint goes into ours.
const COMPLAINT_CHARS_MAX: usize = 600;

/// Downloads into `scratch` and gives the wheel's path. pip checks the sha256.
pub(super) fn download(
    scratch: &Path,
    wheel: &Wheel,
    file: &WheelFile,
    progress: &mut dyn FnMut(u64),
) -> Result<PathBuf, Error> {
    let failed = |reason: String| Error::Fetch { wheel: wheel.to_string(), reason };
    let target = scratch.join("wheel");
    fs::create_dir_all(&target).map_err(Error::disk("create", &target))?;
    let requirements = scratch.join("requirements.txt");
    let line = format!("{}=={} --hash=sha256:{}\n", wheel.package, wheel.version, file.sha256);
    fs::write(&requirements, line).map_err(Error::disk("write", &requirements))?;

    let mut child = command(scratch, &target, &requirements, file).spawn().map_err(|error| {
        failed(format!(
            "could not run python3 ({error}). Install it with pip (Debian, Ubuntu: apt-get install python3-pip), or \
             bring the wheels yourself: `foundry models pull --from DIR`"
        ))
    })?;
    let complaint = watch(&mut child, scratch, progress);
    let status = child.wait().map_err(|error| failed(format!("lost pip: {error}")))?;
    if !status.success() {
        return Err(failed(explain(&complaint)));
    }
    let downloaded = fs::read_dir(&target).map_err(Error::disk("read", &target))?;
    let mut wheels = downloaded.flatten().map(|entry| entry.path());
    wheels.next().ok_or_else(|| failed("pip ended well but left no file".to_owned()))
}

fn command(scratch: &Path, target: &Path, requirements: &Path, file: &WheelFile) -> Command {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--require-hashes"]);
    pip.args(["--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--quiet"]);
    pip.args(["--python-version", &file.python, "--implementation", "cp"]);
    for platform in &file.platforms {
        pip.args(["--platform", platform]);
    }
    if let Some(abi) = &file.abi {
        pip.args(["--abi", abi]);
    }
    pip.arg("--dest").arg(target).arg("--requirement").arg(requirements);
    // pip writes the download below TMPDIR and moves it at the end: there its growth can be seen.
    pip.env("TMPDIR", scratch).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    pip
}

/// Reports the bytes below `scratch` until pip closes its error output; gives what it wrote there.
fn watch(child: &mut Child, scratch: &Path, progress: &mut dyn FnMut(u64)) -> String {
    let Some(mut errors) = child.stderr.take() else { return String::new() };
    let (sender, ended) = mpsc::sync_channel(1);
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before a failure is all there is to show.
        let _ = errors.read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    let complaint = loop {
        match ended.recv_timeout(REPORT_EVERY) {
            Ok(complaint) => break complaint,
            Err(mpsc::RecvTimeoutError::Timeout) => progress(largest_below(scratch)),
            Err(mpsc::RecvTimeoutError::Disconnected) => break String::new(),
        }
    };
    // It has sent its last message.
    let _ = reader.join();
    complaint
}

/// The largest file: pip copies a wheel about before it is done, and a sum would count it twice.
fn largest_below(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => largest_below(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0, // gone between listing and asking
    });
    sizes.max().unwrap_or(0)
}

fn explain(complaint: &str) -> String {
    let way_out = "Without a network, bring the wheels yourself: `foundry models pull --from DIR`";
    if complaint.contains("No module named pip") {
        return format!("python3 has no pip. Debian, Ubuntu: apt-get install python3-pip. {way_out}");
    }
    if complaint.contains("DO NOT MATCH THE HASHES") {
        return format!("the registry's file is not the pinned one; a mirror may be damaged. {way_out}");
    }
    let errors: Vec<&str> = complaint.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // The last lines say most; the first ones repeat attempts.
    let said: String = errors.iter().rev().take(3).rev().copied().collect::<Vec<_>>().join(" / ");
    let said: String = said.chars().take(COMPLAINT_CHARS_MAX).collect();
    format!(
        "pip failed: {said}. Check the network, proxy and mirror settings (HTTPS_PROXY, PIP_INDEX_URL, PIP_CERT). {way_out}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_pip_fails_says_what_to_do() {
        assert!(explain("/usr/bin/python3: No module named pip").contains("python3-pip"));
        assert!(explain("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES").contains("not the pinned one"));
        let network =
            explain("WARNING: Retrying\n\nERROR: No matching distribution found for onnxruntime==1.32.0");
        assert!(network.contains("No matching distribution") && network.contains("--from DIR"));
    }
}
