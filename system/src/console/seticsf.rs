//! `SETICSF`: the switch of the engine, and whether services may update the CKDS.

use icsf_core::View;

use super::ConsoleError;
use super::displays::{INDEX, NO_ENGINE, status, updates};
use super::parse::Device;
use crate::system::System;

impl System {
    /// Source: ICSF System Programmer's Guide, SETICSF ACTIVATE and DEACTIVATE.
    pub(super) fn switch_device(
        &self,
        view: &View,
        on: bool,
        device: Option<&Device>,
    ) -> Result<Vec<String>, ConsoleError> {
        if status(view).is_none() {
            return Err(ConsoleError::refused(NO_ENGINE, 8));
        }
        if let Some(device) = device {
            there_is(view, device)?;
        }
        if on { self.icsf().engine_online() } else { self.icsf().engine_offline() }?;
        // Whether it can be used when it may be is another question.
        let view = self.icsf().look()?;
        let (what, status) = (if on { "ACTIVATED" } else { "DEACTIVATED" }, status(&view).unwrap_or("Offline"));
        Ok(vec![format!("SIC3011I DEVICE {INDEX} {what}: STATUS={status}")])
    }

    pub(super) fn allow_updates(&self, allowed: bool) -> Result<Vec<String>, ConsoleError> {
        self.icsf().allow_ckds_updates(allowed)?;
        Ok(vec![updates(allowed)])
    }
}

/// That the device is the one there is.
fn there_is(view: &View, device: &Device) -> Result<(), ConsoleError> {
    let serial = view.engine.info.serial.as_deref();
    let (named, found) = match device {
        Device::Serial(named) => {
            (format!("serial number {named}"), serial.is_some_and(|serial| serial.eq_ignore_ascii_case(named)))
        }
        Device::Index(named) => (format!("index {named}"), named.trim_start_matches('0').is_empty()),
    };
    if found {
        return Ok(());
    }
    let serial = serial.map_or_else(|| "no serial number".to_owned(), |serial| format!("serial number {serial}"));
    Err(ConsoleError::new(format!(
        "SETICSF: there is no device with {named}; the one there is has index {INDEX}, {serial}"
    )))
}
