//! Pages of lists: cursors that only we can make, each good for the list that gave it.

use control_api::{List, Paging, problem};
use control_store::{Page, Place};
use jiff::Timestamp;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Server;
use crate::error::Error;

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MOST: u32 = 100;

/// What is asked of the store for one page of the list `scope`: one row more than is shown.
pub(crate) fn page(server: &Server, scope: &str, paging: &Paging) -> Result<Page, Error> {
    let limit = paging.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MOST).contains(&limit) {
        let detail = format!("`limit` must be between 1 and {LIMIT_MOST}, not {limit}");
        return Err(Error::new(&problem::PARAMETER_INVALID, detail));
    }
    let after = match &paging.cursor {
        None => None,
        Some(cursor) => Some(read(server, scope, cursor).ok_or_else(|| {
            let detail = "`cursor` must be the `next_cursor` of a page of this very list";
            Error::new(&problem::PARAMETER_INVALID, detail)
        })?),
    };
    Ok(Page { after, limit: i64::from(limit) + 1 })
}

/// The page as it is shown; `place` says where a row stands.
pub(crate) fn list<R, T: ToSchema>(
    server: &Server,
    scope: &str,
    page: Page,
    mut rows: Vec<R>,
    place: impl Fn(&R) -> (Timestamp, Uuid),
    show: impl Fn(R) -> T,
) -> List<T> {
    let shown = usize::try_from(page.limit - 1).unwrap_or_default();
    let has_more = rows.len() > shown;
    rows.truncate(shown);
    let last = if has_more { rows.last().map(&place) } else { None };
    let next_cursor = last.map(|(at, id)| {
        server.tokens.cursor(&format!("{}.{scope}.{}.{}", VERSION, at.as_microsecond(), id.simple()))
    });
    List { data: rows.into_iter().map(show).collect(), next_cursor, has_more }
}

const VERSION: &str = "1";

fn read(server: &Server, scope: &str, cursor: &str) -> Option<Place> {
    let fields = server.tokens.check_cursor(cursor)?;
    let [version, of, at, id] = fields[..] else { return None };
    if version != VERSION || of != scope {
        return None;
    }
    let at = Timestamp::from_microsecond(at.parse().ok()?).ok()?;
    Some(Place { at, id: Uuid::try_parse(id).ok()? })
}
