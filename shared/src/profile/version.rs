//! Versions of profiles. A function refuses a profile with a member that it does not know, so that none may reach an older
//! stack.

use super::Profile;

/// The newest version of profiles that this code reads: one higher with every release that adds members. A stack tells its own
/// by `PROFILE_VERSION` in the environment of the activator.
pub const PROFILE_VERSION: u32 = 1;

/// With which version each member came. One that takes a new kind of value counts anew.
const MEMBERS: [(&str, u32); 20] = [
    ("admission", 1),
    ("attributes", 1),
    ("caPem", 1),
    ("createdAt", 1),
    ("crl", 1),
    ("crlHosts", 1),
    ("crlSources", 1),
    ("enrolledAt", 1),
    ("keys", 1),
    ("label", 1),
    ("minVersion", 1),
    ("policyName", 1),
    ("subjectRules", 1),
    ("takeOver", 1),
    ("thingGroup", 1),
    ("thingNameTemplate", 1),
    ("thingType", 1),
    ("updatedAt", 1),
    ("version", 1),
    ("whenStale", 1),
];

impl Profile {
    /// The version that a reader has to know: that of the newest member.
    ///
    /// # Errors
    /// A profile that has no JSON form.
    pub fn needed_version(&self) -> serde_json::Result<u32> {
        let members = serde_json::to_value(self)?;
        let came = |name: &String| MEMBERS.iter().find(|(known, _)| known == name).map(|(_, came)| *came);
        let all = members.as_object().into_iter().flatten();
        Ok(all.map(|(name, _)| came(name).unwrap_or(PROFILE_VERSION)).max().unwrap_or_default())
    }
}

/// Says why a profile of a later version can't be read; none if it can be.
pub(crate) fn too_new(version: u32) -> Option<String> {
    (version > PROFILE_VERSION).then(|| {
        format!(
            "it is of version {version}, and this program reads versions up to {PROFILE_VERSION}: bring stack and jitr to one \
             release"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A profile with every member.
    fn whole() -> Profile {
        let whole = serde_json::json!({
            "admission": "listed", "attributes": {"maker": "x"}, "caPem": "x", "createdAt": "x", "crl": "required",
            "crlHosts": ["x"], "crlSources": ["s3://lists/1.crl"], "enrolledAt": "x", "keys": {}, "label": "x",
            "minVersion": 3, "policyName": "x", "subjectRules": {"CommonName": "x"}, "takeOver": "join",
            "thingGroup": "x", "thingNameTemplate": "${CommonName}", "thingType": "x", "updatedAt": "x", "version": 1,
            "whenStale": "refuse",
        });
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn every_member_came_with_a_version() {
        let Profile {
            admission: _,
            attributes: _,
            ca_pem: _,
            created_at: _,
            crl: _,
            crl_hosts: _,
            crl_sources: _,
            enrolled_at: _,
            keys: _,
            label: _,
            min_version: _,
            policy_name: _,
            subject_rules: _,
            take_over: _,
            thing_group: _,
            thing_name_template: _,
            thing_type: _,
            updated_at: _,
            version: _,
            when_stale: _,
        } = Profile::default();
        let members = serde_json::to_value(whole()).unwrap();
        let names: Vec<_> = members.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(MEMBERS.map(|(name, _)| name).to_vec(), names);
        assert_eq!(MEMBERS.iter().map(|(_, came)| *came).max(), Some(PROFILE_VERSION));
    }

    #[test]
    fn a_profile_needs_the_version_of_its_newest_member() {
        assert_eq!(whole().needed_version().unwrap(), PROFILE_VERSION);
        assert_eq!(Profile::default().needed_version().unwrap(), 0);
        assert_eq!(too_new(PROFILE_VERSION), None);
        assert!(too_new(PROFILE_VERSION + 1).is_some());
    }
}
