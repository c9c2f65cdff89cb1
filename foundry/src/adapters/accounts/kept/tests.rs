use control_api::provider_account::{AccountOptions, Vendor};
use domain::{OrgId, ProviderAccountId, Secret};
use providers_link::{Client, Pool};

use super::*;

fn account(vendor: Vendor) -> Account {
    Account {
        org: OrgId::generate(),
        id: ProviderAccountId::generate(),
        name: "ours".to_owned(),
        vendor,
        options: AccountOptions { llm_model: Some("small".to_owned()), ..AccountOptions::default() },
        key: Some(Secret::new("key".to_owned())),
    }
}

#[tokio::test]
async fn a_provider_is_made_once_for_each_model_and_bears_the_name_of_its_account() {
    let tasks = runtime::Tasks::new();
    let reach =
        Reach { client: Client::new(providers_link::http::Options::default()), pool: Pool::new(&tasks) };
    let kept = Kept::new(account(Vendor::Gemini));
    let own = kept.llm(&reach, None).expect("it thinks");
    assert!(Arc::ptr_eq(&own, &kept.llm(&reach, None).expect("it thinks")));
    let large = kept.llm(&reach, Some("large")).expect("it thinks");
    assert!(!Arc::ptr_eq(&own, &large));
    assert_eq!((own.info().account.as_str(), own.info().name.as_str()), ("ours", "gemini"));
    assert_eq!((own.info().model.as_str(), large.info().model.as_str()), ("small", "large"));
    assert!(kept.stt(&reach, None).is_err() && kept.stt(&reach, None).is_err(), "it does not listen");
}

#[test]
fn an_account_with_another_key_or_address_is_another() {
    let one = account(Vendor::Openai);
    let kept = Kept::new(one.clone());
    assert!(kept.is_of(&one));
    assert!(!kept.is_of(&Account { key: Some(Secret::new("new".to_owned())), ..one.clone() }));
    let options = AccountOptions { base_url: Some("https://eu.example".to_owned()), ..one.options.clone() };
    assert!(!kept.is_of(&Account { options, ..one }));
}

#[test]
fn servers_of_ones_own_are_measured_apart_by_their_addresses() {
    let at = |url: Option<&str>, region: &str| {
        let mut account = account(Vendor::OpenaiCompatible);
        account.options.base_url = url.map(str::to_owned);
        let info = ProviderInfo { region: region.to_owned(), ..ProviderInfo::default() };
        of(&account, &info).region
    };
    assert_eq!(at(Some("http://10.0.0.7:8000/v1"), ""), "10.0.0.7:8000");
    assert_eq!(at(Some("https://eu.example"), "eu"), "eu");
    assert_eq!(at(None, ""), "");
}
