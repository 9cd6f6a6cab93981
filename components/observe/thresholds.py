"""From where on a number is worth somebody's time, with the reason for each (pure, no resources).

Nothing here goes off on a stack that is idle: counts are of what went wrong, and rates count only beyond
``ERRORS_IGNORED``, so that one failure among two requests wakes nobody.
"""

WINDOW_SECONDS = 300
"""What most alarms add up or average: long enough for a burst to pass, short enough to act on."""

SERVICE_CPU_PERCENT = 90
"""Autoscaling aims at 70: above 90 for a quarter of an hour it has no task left to add."""
SERVICE_MEMORY_PERCENT = 90
"""Autoscaling aims at 80, and at 100 the task is killed."""
TASKS_MISSING_MINUTES = 10
"""A task that failed or was taken back (Spot) is replaced in two to four minutes."""

ERRORS_IGNORED = 5
"""Failures in a window that no rate is computed of."""
ERROR_RATE_PERCENT = 1
"""A service that answers 99 % of its requests is at the edge of what its callers' retries hide."""
REFUSAL_RATE_PERCENT = 30
"""Answers 4xx among all: expired tokens and typing errors stay far below, a broken client does not."""
REFUSALS_IGNORED = 50
SITE_ERROR_RATE_PERCENT = 5
"""Of all requests at the edge, in ten minutes. CloudFront gives a rate and no count to ignore single ones by:
higher than ``ERROR_RATE_PERCENT``, and for longer, so that a quiet site is not woken by one of them."""
LATENCY_SECONDS = 3.0
"""Until an answer begins. Searches, the slowest, take one model call of under a second."""
GATEWAY_LATENCY_MS = 1000
"""What the REST API itself adds, mean; AWS reports tens of milliseconds for it."""
UNHEALTHY_MINUTES = 5
"""Longer than a new task takes to be healthy (two checks, 15 s apart) and an old one to leave."""
BALANCER_ERRORS = 10
"""Answers of the load balancer's own in a window: a task that is stopped hard costs a few."""

WEB_ACL_REFUSALS = 1_000
"""Requests in a window: scanners that try a list of names come to some hundreds."""
UNPROVEN_CALLS = 100
"""Calls in a window: a scanner that finds the API's own address tries some dozens of paths."""

FUNCTION_FAILURES = 0
"""Runs in a window: callers of a function wait for it, and each failure is one that somebody sees."""
FUNCTION_TIMEOUT_PERCENT = 80
"""Share of its time-out that a run may take; the next one, a little slower, would be cut off."""

DEAD_LETTERS = 0
"""Each is work that nobody will do by itself."""
TABLE_REPLICA_MILLISECONDS = 60_000
"""DynamoDB replicates within a second or so; a minute, for several windows, is a disturbance."""
CONTENT_REPLICA_SECONDS = 900
"""Within 15 minutes S3 promises 99.9 % of the objects (S3 Replication Time Control, SLA)."""
LOST_REPLICAS = 0
"""Each is an object that the other region does not have."""
LOST_BACKUPS = 0
"""Each is a day that can only be restored from what else there is."""
TABLE_REFUSALS = 10
"""Requests in a window that DynamoDB throttled or failed; its client tries each again."""

CACHE_CPU_PERCENT = 80
CACHE_MEMORY_PERCENT = 80
"""The rest holds buffers and the copy that a snapshot or a new replica takes."""
CACHE_EVICTIONS = 0
CACHE_CONNECTIONS = 5000
"""Far above what 20 tasks with pooled connections hold, far below a node's limit of 65,000."""
CACHE_REFUSALS = 10
"""Failed sign-ins and refused commands or keys in a window; a rotation of passwords costs none."""
CACHE_LAG_SECONDS = 10
"""A replica follows within a second; what it lacks is lost in a failover."""

SIGN_IN_FAILURES = 100
"""Failed sign-ins in a window: more than people mistype, fewer than a guessing machine makes."""
MODEL_REFUSALS = 5
"""Calls in a window that Bedrock throttled or failed after the client's own retries began."""

RUNTIME_FAILURES = 0
"""Calls in a window that AgentCore itself failed or throttled."""
RUNTIME_REFUSALS = 10
"""Calls in a window: a container that does not answer counts as a caller's error, as its refusals do."""
RUNTIME_LATENCY_MS = 60_000
"""Average time to the last token; a turn with several tools takes some tens of seconds."""
GUARDRAIL_INTERVENTIONS = 20
"""Questions and answers in a window that were masked or blocked: one person who tries it out stays below."""

DEGRADED = 20
"""In a window: a restart of the cache costs each running turn one."""
QUOTA_REFUSALS = 10
"""In a window: one person who tries again a few times stays below."""

PAYMENTS_UNKNOWN = 0
"""In a window: each is money of which nobody knows where it is."""
BUDGET_LOW = 0
"""In a window: from then on payments are refused until the day is over, or soon are."""
WALLET_UNUSABLE = 0
"""In a window: nothing is bought any more."""

BUDGET_SPENT_PERCENT = 80
"""Of the month's budget, spent: early enough to find out what for."""
BUDGET_FORECAST_PERCENT = 100
"""Of the month's budget, as AWS forecasts its end from what was spent so far."""
