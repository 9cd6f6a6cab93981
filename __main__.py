"""Nova: reads the stack's settings, composes the platform and its workloads, exports where they are found."""

import pulumi

import components.startup
from components.platform import Platform, PlatformArgs
from components.providers import explicit_providers, ownership_tags
from components.workloads import Workloads
from services.agent_core.infra import AgentCore, AgentCoreArgs
from services.audio.infra import Audio, AudioArgs
from services.frontend.infra import Frontend, FrontendArgs
from services.mcp_server.infra import pay
from services.projector.infra import Projector, ProjectorArgs
from services.search.infra import Search, SearchArgs
from services.video.infra import Video, VideoArgs
from services.x402_seller.infra import sale_routes, sell
from settings.settings import Settings

components.startup.keep_what_is_loaded()
settings = Settings.load(pulumi.Config())
providers = explicit_providers(
    settings.region, ownership_tags(settings.operations.owner, settings.operations.cost_center)
)
options = pulumi.ResourceOptions(providers=providers)
sizes = settings.services.sizes
workloads = Workloads()

platform = Platform(
    pulumi.get_project(),
    PlatformArgs(
        region=settings.region,
        asleep=settings.operations.asleep,
        network=settings.network.plan,
        interface_endpoints=settings.network.interface_endpoints,
        agents_in_vpc=settings.agent.in_vpc,
        log_retention_days=settings.operations.log_retention_days,
        protect=settings.data.protect,
        recovery_days=settings.data.recovery_days,
        existing_keys=settings.data.existing_keys,
        shared_key=settings.data.shared_key,
        backups=settings.data.backups,
        replica_region=settings.data.replica_region,
        replica_of=settings.data.replica_of,
        capacity=settings.services.capacity,
        insights=settings.services.insights,
        deployment=settings.services.deployment,
        alarm_email=settings.operations.alarm_email,
        runbook_url=settings.operations.runbook_url,
        budget_usd=settings.operations.budget_usd,
        trace_sample_percent=settings.operations.trace_sample_percent,
        alarm_scope=settings.operations.alarms,
        edge=settings.edge,
        embedding_model=settings.models.embedding,
        embedding_dimension=settings.models.embedding_dimension,
        model_profiles=settings.models.profiles,
        guardrail=settings.models.guardrail,
        cache=settings.data.cache,
        permissions_boundary=settings.access.permissions_boundary,
        released_images=settings.images.released,
    ),
    opts=options,
)
projector = workloads.add(
    Projector(
        "projector",
        ProjectorArgs(
            platform=platform,
            api_size=sizes["projector"],
            worker_size=sizes["projector-worker"],
        ),
        opts=options,
    )
)
search = workloads.add(
    Search(
        "search",
        SearchArgs(
            platform=platform,
            api_size=sizes["search"],
            indexer_size=sizes["search-indexer"],
            embedding_model=settings.models.embedding,
            embedding_region=settings.models.embedding_region,
        ),
        opts=options,
    )
)
video = workloads.add(
    Video(
        "video",
        VideoArgs(
            platform=platform,
            api_size=sizes["video"],
            worker_size=sizes["video-worker"],
            model=settings.models.video,
        ),
        opts=options,
    )
)
audio = workloads.add(
    Audio(
        "audio",
        AudioArgs(
            platform=platform,
            api_size=sizes["audio"],
            worker_size=sizes["audio-worker"],
            speakers_max=settings.audio.speakers_max,
            sentiment_model=settings.models.sentiment,
            live_size=sizes["audio-live"],
            sonic_model=settings.models.sonic,
            sonic_region=settings.models.sonic_region,
            sonic_hears_recordings=settings.audio.sonic_hears_recordings,
            search=search.callee,
            video=video.callee,
            projector=projector.callee,
        ),
        opts=options,
    )
)
payments = workloads.add(pay("mcp-server", platform, settings.wallet, settings.edge.domain, options))
agent_core = workloads.add(
    AgentCore(
        "agent-core",
        AgentCoreArgs(
            platform=platform,
            size=sizes["agent-core"],
            model=settings.models.agent,
            behaviour=settings.models.agent_behaviour,
            embedding_model=settings.models.embedding,
            embedding_region=settings.models.embedding_region,
            quota_usd_per_month=settings.models.quota_usd_per_user_and_month,
            search=search.callee,
            audio=audio.callee,
            video=video.callee,
            projector=projector.callee,
            mcp=settings.mcp,
            paid=payments.tools,
            runtime=settings.agent,
            site=settings.edge.domain,
        ),
        opts=options,
    )
)
workloads.add(
    Frontend(
        "frontend",
        FrontendArgs(
            platform=platform,
            size=sizes["frontend"],
            agent_core=agent_core.callee,
            audio=audio.callee,
            projector=projector.callee,
            search=search.callee,
            video=video.callee,
            managed_agent=agent_core.managed,
            paid=payments.tools,
        ),
        opts=options,
    )
)
site = platform.expose([*workloads.routes, *sale_routes(settings.seller)], payments.functions)
# What tells others where it is comes after the site has its name.
sales = workloads.add(sell("x402-seller", platform, site, sizes["x402-seller"], settings.seller, options))
platform.show()

pulumi.export("asleep", settings.operations.asleep)
pulumi.export("site_url", site.url)
pulumi.export("api_url", site.api_url)
pulumi.export("vpc_id", platform.host.vpc.vpc_id)
pulumi.export("user_pool_id", platform.user_pool.pool_id)
pulumi.export("user_pool_client_id", platform.user_pool.client_id)
pulumi.export("content_bucket", platform.content.name)
pulumi.export("event_store_table", platform.events.name)
pulumi.export("read_model_table", platform.read_model.name)
pulumi.export("data_keys_table", platform.data_keys.name)
pulumi.export("event_bus", platform.bus.name)
pulumi.export("vector_bucket", platform.vectors.bucket_name)
pulumi.export("vector_index", platform.vectors.index_name)
pulumi.export("cache_endpoint", platform.cache.endpoint)
pulumi.export("agent_runtime_arn", agent_core.runtime_arn)
pulumi.export("agent_runtime_id", agent_core.runtime_id)
pulumi.export("agent_endpoint_arn", agent_core.endpoint_arn)
pulumi.export("dashboard_url", platform.dashboard.url)
pulumi.export("alerts_topic_arn", platform.alerts.topic_arn)
pulumi.export("replica", platform.handed_over())
pulumi.export("jobs", {job.name: job.start for job in workloads.jobs})
pulumi.export("mcp_server_url", payments.url)
pulumi.export("seller_url", sales.url)
pulumi.export("wallet_secret", payments.wallet_secret)
pulumi.export("images", platform.images())
pulumi.export("services", workloads.service_names)
