//! An organization's time, its holidays, and what its callers speak.

use control_api::greeting::{GreetingCalendar, GreetingCalendarSetting};
use control_api::problem;
use control_store::greeting::{self as store, Calendar};
use greetings::language;
use greetings::schedule::{self, HOLIDAYS_MOST};

use super::{check, read};
use crate::Server;
use crate::app::ctx::{Change, Ctx, Done, Expected};
use crate::app::fields::Fields;
use crate::error::Error;

const LANGUAGES_MOST: usize = 200;
const NAME_MOST: usize = 100;

fn shown(calendar: Calendar) -> GreetingCalendar {
    GreetingCalendar {
        time_zone: calendar.time_zone,
        holidays: read(calendar.holidays).unwrap_or_default(),
        languages: read(calendar.languages).unwrap_or_default(),
        revision: calendar.revision,
    }
}

pub(crate) async fn get(ctx: &Ctx, server: &Server) -> Result<Done<GreetingCalendar>, Error> {
    let mut tx = ctx.tx(server).await?;
    let found = store::calendar(&mut tx).await?;
    tx.commit().await?;
    let revision = found.revision;
    Ok(Done::found(shown(found), revision))
}

pub(crate) async fn put(
    ctx: &Ctx,
    server: &Server,
    expected: Expected,
    wanted: GreetingCalendarSetting,
) -> Result<Done<GreetingCalendar>, Error> {
    checked(&wanted)?;
    let mut tx = ctx.tx(server).await?;
    let former = store::calendar(&mut tx).await?;
    let before = shown(former.clone());
    expected.check(former.revision, &before)?;
    let fault = |error: serde_json::Error| Error::fault(&error);
    let setting = Calendar {
        time_zone: wanted.time_zone,
        holidays: serde_json::to_value(&wanted.holidays).map_err(fault)?,
        languages: serde_json::to_value(&wanted.languages).map_err(fault)?,
        revision: former.revision,
    };
    if !store::put_calendar(&mut tx, &setting).await? {
        let detail = "somebody else has set the calendar in this very moment: read it again";
        return Err(Error::new(&problem::PRECONDITION_FAILED, detail));
    }
    let after = shown(store::calendar(&mut tx).await?);
    let change = Change::of("greeting_calendar.update", ctx.org).from(&before).to(&after);
    let revision = after.revision;
    let done = ctx.commit(tx, change, Done::found(after, revision)).await?;
    server.ports.greetings.changed(ctx.org);
    Ok(done)
}

fn checked(wanted: &GreetingCalendarSetting) -> Result<(), Error> {
    let mut fields = Fields::default();
    if let Err(error) = schedule::Calendar::new(&wanted.time_zone, Vec::new()) {
        fields.wrong("/time_zone", "invalid", error.to_string());
    }
    if wanted.holidays.len() > HOLIDAYS_MOST {
        fields.wrong("/holidays", "out_of_range", format!("at most {HOLIDAYS_MOST} holidays"));
    }
    for (index, holiday) in wanted.holidays.iter().enumerate() {
        check::day(&mut fields, &format!("/holidays/{index}/date"), &holiday.date);
        fields.line(&format!("/holidays/{index}/name"), &holiday.name, 0, NAME_MOST);
    }
    if wanted.languages.len() > LANGUAGES_MOST {
        fields.wrong("/languages", "out_of_range", format!("at most {LANGUAGES_MOST} beginnings of numbers"));
    }
    for (index, known) in wanted.languages.iter().enumerate() {
        let digits = known.prefix.strip_prefix('+').unwrap_or_default();
        if !(1..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let detail = "the beginning of a number is `+` and 1 to 15 digits";
            fields.wrong(&format!("/languages/{index}/prefix"), "invalid", detail);
        }
        if !language::is_tag(&known.language) {
            let detail = "a language is written such as de or de-CH (BCP 47)";
            fields.wrong(&format!("/languages/{index}/language"), "invalid", detail);
        }
    }
    fields.check()
}
