//! The keys of a drill, made by the services an administrator would call.

use icsf_core::{ClearKey, KeyLabel};
use secrecy::ExposeSecret;

use super::{Site, World};
use crate::error::Mistake;
use crate::file::{KeyEntry, KeyKind};

impl World<'_> {
    /// Puts the keys of the drill into the CKDS; answers what was refused.
    pub(super) fn keys(&self, site: &Site) -> Vec<Mistake> {
        self.drill.file.key.iter().filter_map(|key| self.key(site, key).err()).collect()
    }

    fn key(&self, site: &Site, key: &KeyEntry) -> Result<(), Mistake> {
        let icsf = site.system.icsf();
        let wrong = |what: String| Mistake::new(&self.drill.source(), what, Some(key.label.span()));
        let label: KeyLabel = key.label.get_ref().parse().map_err(|e| wrong(format!("{e}")))?;
        let mut value = None;
        if let Some(reference) = &key.value
            && let Some(secret) = self.secrets.get(reference.get_ref())
        {
            let wrong = |what: String| Mistake::new(&self.drill.source(), what, Some(reference.span()));
            value = Some(ClearKey::from_hex(secret.expose_secret()).map_err(|e| wrong(e.to_string()))?);
        }
        let skeleton = || icsf.csnbktb2(&["INTERNAL", "HMAC", "MAC", "GENERATE", "NO-KEY"], None, None);
        let token = match (key.key_type, key.clear, value) {
            (KeyKind::Des, true, _) => {
                return Err(wrong("a DES key is not kept clear: only HMAC keys may be".to_owned()));
            }
            (KeyKind::Des, false, Some(value)) => icsf.csnbcki(&value),
            (KeyKind::Des, false, None) => icsf.csnbkgn("OP", "SINGLE", "DATA"),
            (KeyKind::Hmac, true, Some(value)) => {
                icsf.csnbktb2(&["INTERNAL", "HMAC", "MAC", "GENERATE", "KEY-CLR"], Some(&value), None)
            }
            (KeyKind::Hmac, true, None) => return Err(wrong("a clear key needs a value".to_owned())),
            (KeyKind::Hmac, false, Some(value)) => skeleton().and_then(|done| {
                let mut token = icsf_core::KeyIdentifier::Token(done.value);
                icsf.csnbkpi2(&["HMAC", "FIRST", "MIN1PART"], Some(&value), &mut token)?;
                icsf.csnbkpi2(&["HMAC", "COMPLETE"], None, &mut token)?;
                match token {
                    icsf_core::KeyIdentifier::Token(token) => Ok(icsf_core::services::Done::success(token)),
                    icsf_core::KeyIdentifier::Label(_) => icsf.csnbkrr2(&label),
                }
            }),
            (KeyKind::Hmac, false, None) => skeleton().and_then(|done| icsf.csnbkgn2(&["HMAC", "OP"], 512, done.value)),
        };
        let stored = token.and_then(|done| icsf.csnbkrc2(&label, done.value));
        stored.map(drop).map_err(|e| wrong(format!("key {label}: {e}")))
    }
}
