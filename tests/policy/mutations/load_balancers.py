"""What must not be done to load balancers."""

from tests.policy.mutation import altered

BALANCER = ("aws:lb/loadBalancer:LoadBalancer", "nova-balancer-alb")
LISTENER = ("aws:lb/listener:Listener", "nova-balancer-api-listener")
OLD_CIPHERS = "ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06"
REQUESTS, LOGS, TLS = "elb-loadbalancer-requests", "elb-loadbalancer-access-logs", "elb-listener-tls"

MUTATIONS = (
    altered(REQUESTS, "invalid headers pass", (*BALANCER, "dropInvalidHeaderFields"), False),
    altered(REQUESTS, "ambiguous requests are counted", (*BALANCER, "desyncMitigationMode"), "monitor"),
    altered(
        "elb-loadbalancer-deletion-protection", "protection is off", (*BALANCER, "enableDeletionProtection"),
        False,
    ),
    altered(LOGS, "the log is off", (*BALANCER, "accessLogs", "enabled"), False),
    altered(LOGS, "there is no log", (*BALANCER, "accessLogs"), None),
    altered("elb-listener-https", "plain HTTP", (*LISTENER, "protocol"), "HTTP", needs=("defaultActions",)),
    altered(TLS, "TLS 1.0 is admitted", (*LISTENER, "sslPolicy"), "ELBSecurityPolicy-2016-08"),
    altered(TLS, "no policy is named", (*LISTENER, "sslPolicy"), None, needs=("protocol",)),
    altered(TLS, "old ciphers are kept", (*LISTENER, "sslPolicy"), OLD_CIPHERS),
)  # fmt: skip
