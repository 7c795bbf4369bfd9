"""The operator: turns a WebhookCoreConfig into a router Deployment and its CronJobs, and keeps them so."""
