use super::*;
use crate::ports::Permit;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Zoned {
        "2026-11-23T10:00:00[UTC]".parse().unwrap()
    }
}

fn call(session: &str, key: &str, time: &str) -> ToolCall {
    let args = json!({"service": "haircut", "date": "2026-11-24", "time": time, "name": "Maria", "phone": "5550142", "minutes": 45,
        "hours": {"tuesday": {"open": "09:00", "close": "18:00"}}});
    ToolCall {
        name: "appointments.book".into(),
        args,
        session: session.into(),
        key: key.into(),
        permit: Permit::default(),
    }
}

fn appointments(directory: &tempfile::TempDir) -> Appointments {
    Appointments::new(directory.path().join("data/appointments.jsonl"), Arc::new(Fixed))
}

#[test]
fn a_taken_time_offers_the_next_free_one() {
    let directory = tempfile::tempdir().unwrap();
    let book = appointments(&directory);
    assert_eq!(book.perform(Operation::Book, &call("a", "1", "15:00")).unwrap()["status"], "booked");
    let answer = book.perform(Operation::Book, &call("b", "2", "15:15")).unwrap();
    assert_eq!(answer, json!({"status": "taken", "next": {"date": "2026-11-24", "time": "15:45"}}));
    assert_eq!(book.all().unwrap().len(), 1);
}

#[test]
fn the_same_booking_is_stored_once() {
    let directory = tempfile::tempdir().unwrap();
    let book = appointments(&directory);
    for key in ["1", "1", "2"] {
        assert_eq!(book.perform(Operation::Book, &call("a", key, "15:00")).unwrap()["status"], "booked");
    }
    assert_eq!(book.all().unwrap().len(), 1);
}

#[test]
fn a_correction_of_the_same_session_stands_in_place_of_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let book = appointments(&directory);
    let with = |key: &str, field: &str, value: Value| {
        let mut call = call("a", key, "15:00");
        call.args[field] = value;
        call
    };
    let perform = |call: &ToolCall| book.perform(Operation::Book, call).unwrap();
    perform(&call("a", "1", "15:00"));
    perform(&call("b", "9", "16:00"));
    let corrected = perform(&with("2", "phone", json!("5550199")));
    assert_eq!(
        (&corrected["status"], &corrected["appointment"]["phone"]),
        (&json!("booked"), &json!("5550199"))
    );
    let named = perform(&with("3", "name", json!("Marina")));
    assert_eq!(
        (&named["appointment"]["name"], &named["appointment"]["phone"]),
        (&json!("Marina"), &json!("5550142"))
    );
    let standing = book.all().unwrap();
    let standing: Vec<_> = standing.iter().map(|known| (&*known.session, &*known.name)).collect();
    assert_eq!(standing, [("a", "Marina"), ("b", "Maria")], "one appointment, as it was said last");
    assert_eq!(perform(&with("4", "minutes", json!(90)))["status"], "taken", "too long for who comes next");
    assert_eq!(
        perform(&call("a", "1", "15:00"))["appointment"]["key"],
        "1",
        "a call that is repeated is no correction"
    );
    assert_eq!(book.all().unwrap()[0].name, "Marina");
}

#[test]
fn a_time_is_the_same_however_it_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let book = appointments(&directory);
    for (key, time) in [("1", "09:05"), ("2", "9:05"), ("3", "9:5")] {
        assert_eq!(book.perform(Operation::Book, &call("a", key, time)).unwrap()["status"], "booked");
    }
    assert_eq!(book.all().unwrap().len(), 1);
}

#[test]
fn a_booking_that_nobody_waits_for_any_more_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let book = appointments(&directory);
    let late = call("a", "1", "15:00");
    assert!(late.permit.withdraw());
    assert_eq!(book.perform(Operation::Book, &late).unwrap_err().code, "TOOL_TIMED_OUT");
    assert_eq!(book.all().unwrap(), []);
    let made = call("a", "1", "15:00");
    book.perform(Operation::Book, &made).unwrap();
    assert!(!made.permit.withdraw(), "what is stored cannot be told to have failed");
}

#[test]
fn a_line_cut_off_by_a_crash_costs_only_itself() {
    let directory = tempfile::tempdir().unwrap();
    let book = appointments(&directory);
    book.perform(Operation::Book, &call("a", "1", "10:00")).unwrap();
    let mut text = std::fs::read(&book.path).unwrap();
    text.extend_from_slice(b"{\"key\": \"half");
    std::fs::write(&book.path, &text).unwrap();
    book.perform(Operation::Book, &call("b", "2", "12:00")).unwrap();
    let times: Vec<String> = book.all().unwrap().into_iter().map(|known| known.time).collect();
    assert_eq!(times, ["10:00", "12:00"]);
}

#[test]
fn racing_callers_get_one_appointment() {
    let directory = tempfile::tempdir().unwrap();
    let book = appointments(&directory);
    std::thread::scope(|scope| {
        for caller in 0..8 {
            let book = &book;
            scope.spawn(move || {
                book.perform(Operation::Book, &call(&caller.to_string(), &caller.to_string(), "15:00"))
                    .unwrap()
            });
        }
    });
    assert_eq!(book.all().unwrap().len(), 1);
}

#[test]
fn free_times_are_told_over_the_day_and_not_in_the_past() {
    let directory = tempfile::tempdir().unwrap();
    let book = appointments(&directory);
    let find = |date: Value| {
        let hours = json!({"monday": {"open": "09:00", "close": "12:00"}, "tuesday": {"open": "09:00", "close": "18:00"}});
        let call = ToolCall {
            name: "appointments.find".into(),
            args: json!({"date": date, "minutes": 45, "hours": hours}),
            session: "a".into(),
            key: "1".into(),
            permit: Permit::default(),
        };
        book.perform(Operation::Find, &call).unwrap()
    };
    assert_eq!(find(json!("2026-11-24"))["times"], json!(["09:00", "13:00", "17:15"]));
    assert_eq!(find(Value::Null)["times"], json!(["10:15", "10:45", "11:15"]));
    assert_eq!(find(json!("2026-11-25"))["closed"], json!(true));
}

#[test]
fn wrong_arguments_and_an_unwritable_file_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let book = appointments(&directory);
    let wrong = ToolCall { args: json!({"date": "someday"}), ..call("a", "1", "15:00") };
    assert_eq!(book.perform(Operation::Book, &wrong).unwrap_err().code, "TOOL_ARGUMENTS");
    std::fs::create_dir_all(&book.path).unwrap();
    assert_eq!(book.perform(Operation::Book, &call("a", "1", "15:00")).unwrap_err().code, "TOOL_FAILED");
}
