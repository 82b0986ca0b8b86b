//! A program without enhanced PassTickets.

use crate::support::Place;

#[test]
fn a_profile_with_an_enhanced_key_is_refused_with_the_reason() {
    let place = Place::new();
    place.run(&["init", "prd1", "--generate-master-keys"]).ok();
    place.prd1(&["racf", "SETROPTS CLASSACT(PTKTDATA) RACLIST(PTKTDATA)"]).ok();
    let refused = place.prd1(&["racf", "RDEFINE PTKTDATA CLR SSIGNON(EPTKEYLABEL(C.CLEAR))"]);
    assert_eq!(refused.status, 8, "{refused:?}");
    assert!(refused.stderr.contains("built without enhanced PassTickets"), "{refused:?}");
}
