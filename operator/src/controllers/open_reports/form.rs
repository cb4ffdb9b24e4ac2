//! In which API reports are written: the one that was asked for, or the first that the cluster serves.

use kube::{Client, core::ApiResource, core::GroupVersionKind};

use crate::args::ReportApi;

/// An API that takes reports.
#[derive(Clone, Debug)]
pub struct Form {
    /// The kind.
    pub resource: ApiResource,
    /// Whether a report names its source as a whole, and not by result alone.
    pub has_source: bool,
}

impl Form {
    /// Report of OpenReports.
    pub fn open_reports() -> Self {
        let kind = GroupVersionKind::gvk("openreports.io", "v1alpha1", "Report");
        Self {
            resource: ApiResource::from_gvk_with_plural(&kind, "reports"),
            has_source: true,
        }
    }

    /// PolicyReport of the policy working group.
    pub fn policy_report() -> Self {
        let kind = GroupVersionKind::gvk("wgpolicyk8s.io", "v1alpha2", "PolicyReport");
        Self {
            resource: ApiResource::from_gvk_with_plural(&kind, "policyreports"),
            has_source: false,
        }
    }

    /// `group/version`.
    pub fn group_version(&self) -> &str {
        &self.resource.api_version
    }
}

/// What a cluster serves of the forms that are wanted.
#[derive(Clone, Debug)]
pub struct Served {
    /// The one that is written.
    pub form: Form,
    /// Those in which an operator may have written before the cluster served that one.
    pub others: Vec<Form>,
}

/// The forms that are wanted and served, where any is.
pub async fn find(client: &Client, wanted: ReportApi) -> kube::Result<Option<Served>> {
    let forms = match wanted {
        ReportApi::Auto => vec![Form::open_reports(), Form::policy_report()],
        ReportApi::OpenReports => vec![Form::open_reports()],
        ReportApi::PolicyReport => vec![Form::policy_report()],
    };
    let mut found = Vec::new();
    for form in forms {
        if is_served(client, &form).await? {
            found.push(form);
        }
    }
    let mut found = found.into_iter();
    Ok(found.next().map(|form| Served {
        form,
        others: found.collect(),
    }))
}

const NOT_FOUND: u16 = 404;

async fn is_served(client: &Client, form: &Form) -> kube::Result<bool> {
    match client.list_api_group_resources(form.group_version()).await {
        Ok(list) => Ok(list.resources.iter().any(|found| found.name == form.resource.plural)),
        // A group that is not there is answered in plain words, which have no reason that could be read.
        Err(kube::Error::Api(status)) if status.code == NOT_FOUND => Ok(false),
        Err(error) => Err(error),
    }
}
