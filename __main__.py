"""Nova: reads the stack's settings, composes the platform and its workloads, exports where they are found."""

import pulumi

from components.platform import Platform, PlatformArgs
from components.providers import explicit_providers, ownership_tags
from services.audio.infra import Audio, AudioArgs
from services.projector.infra import Projector, ProjectorArgs
from settings.settings import Settings

settings = Settings.load(pulumi.Config())
providers = explicit_providers(settings.region, ownership_tags(settings.owner, settings.cost_center))
options = pulumi.ResourceOptions(providers=providers)

platform = Platform(
    pulumi.get_project(),
    PlatformArgs(
        region=settings.region,
        cidr=str(settings.network.cidr),
        zones=settings.network.zones,
        nat=settings.network.nat,
        log_retention_days=settings.log_retention_days,
        protect=settings.protect,
        recovery_days=settings.recovery_days,
        spot_percent=settings.services.spot_percent,
        alarm_email=settings.alarm_email,
        access_token_minutes=settings.api.access_token_minutes,
        refresh_token_days=settings.api.refresh_token_days,
    ),
    opts=options,
)
audio = Audio(
    "audio",
    AudioArgs(
        platform=platform,
        api_size=settings.services.audio,
        worker_size=settings.services.audio_worker,
    ),
    opts=options,
)
projector = Projector(
    "projector",
    ProjectorArgs(
        platform=platform,
        api_size=settings.services.projector,
        worker_size=settings.services.projector_worker,
    ),
    opts=options,
)
api = platform.expose(
    routes=[*audio.routes, *projector.routes],
    throttle_rate=settings.api.throttle_rate,
    throttle_burst=settings.api.throttle_burst,
)

pulumi.export("api_url", api.url)
pulumi.export("user_pool_id", platform.user_pool.pool_id)
pulumi.export("user_pool_client_id", platform.user_pool.client_id)
pulumi.export("content_bucket", platform.content.name)
pulumi.export("event_store_table", platform.events.name)
pulumi.export("read_model_table", platform.read_model.name)
pulumi.export("event_bus", platform.bus.name)
pulumi.export("services", [*audio.service_names, *projector.service_names])
