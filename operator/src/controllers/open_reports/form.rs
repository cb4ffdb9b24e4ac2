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

/// The form that is wanted and served, where one is.
pub async fn find(client: &Client, wanted: ReportApi) -> kube::Result<Option<Form>> {
    let forms = match wanted {
        ReportApi::Auto => vec![Form::open_reports(), Form::policy_report()],
        ReportApi::OpenReports => vec![Form::open_reports()],
        ReportApi::PolicyReport => vec![Form::policy_report()],
    };
    for form in forms {
        if is_served(client, &form).await? {
            return Ok(Some(form));
        }
    }
    Ok(None)
}

async fn is_served(client: &Client, form: &Form) -> kube::Result<bool> {
    match client.list_api_group_resources(form.group_version()).await {
        Ok(list) => Ok(list.resources.iter().any(|found| found.name == form.resource.plural)),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}
