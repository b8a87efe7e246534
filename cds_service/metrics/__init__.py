"""What is counted, for Prometheus: right across all processes of a service, and nothing in it about a patient.

Labels are words of ours (hooks, topics, paragraphs, causes), so there are as many series as we have words. A leaf over
prometheus_client, which is imported when the first of this is used and not before: it looks once, then, whether the
processes of a service share files. Whoever starts processes calls

- `share_files()` before it makes an app, and before it starts a process;
- `child_exited(pid)` whenever one of its processes has ended.
"""

from cds_service.metrics.counted import Metrics
from cds_service.metrics.files import child_exited, page, share_files
from cds_service.metrics.port import MetricsPort

__all__ = ["Metrics", "MetricsPort", "child_exited", "page", "share_files"]
