//! `DISPLAY ICSF`: the engine, the key data set, the master keys, the options.

use icsf_core::View;
use icsf_core::backend::{MasterKeyKind, Mkvp, NewRegister, Registers};
use icsf_core::engine::EngineState;
use icsf_core::kds::KdsFormat;
use jiff::Timestamp;

use super::parse::Display;
use crate::system::System;

/// The index of the one engine there is.
pub(super) const INDEX: &str = "00";
/// The reply where an engine is to be shown or switched.
pub(super) const NO_ENGINE: &str = "SIC3002I NO CRYPTO ENGINE IS INSTALLED";
const NONE: &str = "NONE";

/// The status of the engine; `None` when there is none.
pub(super) fn status(view: &View) -> Option<&'static str> {
    match &view.engine.state {
        EngineState::Deconfigured => None,
        EngineState::Online if !lacks_every_master_key(view) => Some("Active"),
        EngineState::Online | EngineState::WrongMasterKey { .. } => Some("Master key incorrect"),
        EngineState::Locked { .. } => Some("Deactivated"),
        _ => Some("Offline"),
    }
}

/// Whether the CKDS is under master keys and the engine holds none, as one that was zeroized.
fn lacks_every_master_key(view: &View) -> bool {
    let held = |kind| view.engine.master_keys.of(kind).current.is_some();
    let needed = |kind| view.kds.header().of(kind).is_some();
    MasterKeyKind::ALL.into_iter().any(needed) && !MasterKeyKind::ALL.into_iter().any(held)
}

impl System {
    pub(super) fn display(&self, what: Display, view: &View) -> Vec<String> {
        match what {
            Display::Cards => self.cards(view),
            Display::Kds => self.kds(view),
            Display::List => self.list(view),
            Display::MasterKeys => self.registers(view),
            Display::Patterns => self.patterns(view),
            Display::Options => self.options(view),
        }
    }

    /// The heading of a display.
    fn heading(&self, message: &str, what: &str) -> String {
        let at = i64::try_from(self.now()).ok().and_then(|s| Timestamp::from_second(s).ok()).unwrap_or_default();
        format!("{message} {} ICSF {what}", at.strftime("%H.%M.%S"))
    }

    /// What stands in the place of the data-set name.
    fn ckds_name(&self) -> String {
        self.layout().map_or_else(|| "IN MEMORY".to_owned(), |layout| layout.ckds().display().to_string())
    }

    fn cards(&self, view: &View) -> Vec<String> {
        let mut lines = vec![self.heading("CSFM668I", "CARDS 001")];
        let engine = &view.engine;
        let Some(status) = status(view) else {
            lines.push(format!("  {NO_ENGINE}"));
            return lines;
        };
        lines.push("  ACTIVE DOMAIN = 000".to_owned());
        lines.push(format!("  SIC3001I {}", engine.info.to_string().to_ascii_uppercase()));
        let serial = engine.info.serial.as_deref().unwrap_or(NONE);
        lines.push(format!("    STATUS={status}  SERIAL#={serial}  LEVEL={}", env!("CARGO_PKG_VERSION")));
        for quirk in engine.info.quirks.iter().filter(|quirk| quirk.weak) {
            lines.push(format!("    SIC3004I {}", quirk.to_string().to_ascii_uppercase()));
        }
        for kind in MasterKeyKind::ALL {
            lines.push(format!("    {kind} MKVP={}", pattern(engine.master_keys.of(kind).current)));
        }
        lines.push("    REQUESTS ACTIVE=0000".to_owned());
        lines
    }

    fn kds(&self, view: &View) -> Vec<String> {
        let header = view.kds.header();
        let format = match header.format {
            KdsFormat::Fixed => "FIXED",
            KdsFormat::Variable => "VARIABLE",
            KdsFormat::Kdsr => "KDSR",
        };
        let under: Vec<&str> =
            MasterKeyKind::ALL.into_iter().filter(|kind| header.of(*kind).is_some()).map(short).collect();
        let patterns = if under.is_empty() { NONE.to_owned() } else { under.join(" ") };
        let mut lines = vec![
            self.heading("CSFM668I", "KDS 001"),
            format!(" CKDS  {}", self.ckds_name()),
            format!("   FORMAT={format} COMM LVL=0 SYSPLEX=N MKVPs={patterns}"),
        ];
        lines.extend(under.iter().map(|kind| format!("   {kind} MKVP date=Unknown")));
        lines.push(" SIC3007I NO PKDS AND NO TKDS IS KEPT".to_owned());
        lines
    }

    fn patterns(&self, view: &View) -> Vec<String> {
        let header = view.kds.header();
        // This display has AES before DES.
        let kinds = [MasterKeyKind::Aes, MasterKeyKind::Des];
        let mut lines = vec![self.heading("CSFM668I", "MKVPS 001"), format!(" CKDS {}", self.ckds_name())];
        let there = kinds.into_iter().filter(|kind| header.of(*kind).is_some());
        lines.extend(there.map(|kind| format!("   {} MKVP Date=Unknown", short(kind))));
        let row = |id: &str, held: [Option<Mkvp>; 2]| {
            let [aes, des] = held.map(|held| pattern(held).chars().take(6).collect::<String>());
            format!(" {id:<13} {aes:<6} {des}").trim_end().to_owned()
        };
        lines.push(format!(" {:<13} {:<6} DES", "ID", "AES"));
        lines.push(row("KDSMKVPS", kinds.map(|kind| Some(header.of(kind)?.mkvp()))));
        if status(view).is_some() {
            let id = format!("{:<8} {INDEX}", self.names().sysname);
            lines.push(row(&id, kinds.map(|kind| view.engine.master_keys.of(kind).current)));
        } else {
            lines.push(format!(" {NO_ENGINE}"));
        }
        lines.push(" No TKDS defined or no EP11 adapters online".to_owned());
        lines
    }

    fn list(&self, view: &View) -> Vec<String> {
        let domain = if status(view).is_some() { "000" } else { "N/A" };
        let row = |name: &str, release: &str, domain: &str, changed: &str| {
            format!("    {name:<8}  {release:<7}  {domain:<3}  {changed}")
        };
        vec![
            self.heading("CSFM668I", "LIST 001"),
            "  Systems supporting SETICSF and DISPLAY ICSF commands:".to_owned(),
            row("SYSNAME", "RELEASE", "DOM", "CHG_DATE"),
            row(&self.names().sysname, env!("CARGO_PKG_VERSION"), domain, "N/A"),
        ]
    }

    fn registers(&self, view: &View) -> Vec<String> {
        let mut lines = vec![self.heading("SIC3008I", "MKS")];
        let Some(status) = status(view) else {
            lines.push(format!("  {NO_ENGINE}"));
            return lines;
        };
        let row = |name: &str, cell: &dyn Fn(MasterKeyKind, &Registers) -> String| {
            let cells =
                MasterKeyKind::ALL.map(|kind| format!("  {:<16}", cell(kind, view.engine.master_keys.of(kind))));
            format!("    {name:<8}{}", cells.concat()).trim_end().to_owned()
        };
        lines.push(format!("  {INDEX} {}", view.engine.info.to_string().to_ascii_uppercase()));
        lines.push(format!("    STATUS={status}"));
        lines.push(row("REGISTER", &|kind, _| kind.to_string()));
        lines.push(row("NEW", &|_, held| match held.new {
            NewRegister::Empty => "EMPTY".to_owned(),
            NewRegister::Partial => "PARTIAL".to_owned(),
            NewRegister::Full(held) => held.to_string(),
        }));
        lines.push(row("CURRENT", &|_, held| pattern(held.current)));
        lines.push(row("OLD", &|_, held| pattern(held.old)));
        lines
    }

    fn options(&self, view: &View) -> Vec<String> {
        vec![
            self.heading("SIC3009I", "OPTIONS"),
            format!("  CKDSN({})", self.ckds_name()),
            format!("  CHECKAUTH({})", if self.names().checkauth { "YES" } else { "NO" }),
            format!("  REASONCODES({})", self.names().reason_codes),
            format!("  {}", updates(view.control.ckds_updates)),
        ]
    }
}

/// Whether services may update the CKDS.
pub(super) fn updates(allowed: bool) -> String {
    format!("SIC3012I DYNAMIC CKDS UPDATES ARE {}", if allowed { "ENABLED" } else { "DISABLED" })
}

const fn short(kind: MasterKeyKind) -> &'static str {
    match kind {
        MasterKeyKind::Des => "DES",
        MasterKeyKind::Aes => "AES",
    }
}

fn pattern(held: Option<Mkvp>) -> String {
    held.map_or_else(|| NONE.to_owned(), |held| held.to_string())
}
