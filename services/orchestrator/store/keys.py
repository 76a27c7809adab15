"""Every key that the orchestrator uses. Those of a partition share the hash tag `{p}`, so each script is single-slot.

key                                       type        holds
tutti:{p}:jobs:stream:<priority>          stream      ids of jobs to drive; consumer group `orchestrators`, one
                                                      consumer per replica; entries are acknowledged and deleted
                                                      when their job ends
tutti:{p}:job:<id>                        hash        the job, see `records`; expires a retention time after its end,
                                                      a failed one the retention of dead letters
tutti:{p}:job:<id>:events                 stream      its event log; entry ids are the cursors; expires with it
tutti:{p}:owner:<owner>                   sorted set  an owner's job ids, all of score 0: they sort by creation;
                                                      those of expired jobs go by and by, see `upkeep`
tutti:{p}:open                            hash        owner -> how many of its jobs are unfinished
tutti:{p}:dead:<owner>                    sorted set  an owner's dead letters: job ids by the time of death, in ms
tutti:{p}:request:<owner>:<request_id>    string      `<job id> <digest of the spec>`, for retried creates; expires
tutti:{p}:cache:<sha256>                  hash        of equal tasks, by what `caching` takes the digest of: `result`, a
                                                      Task with result and artifacts; until there is one, who
                                                      is to compute it: `who` (`<job id> <task>`), `epoch` of that
                                                      job, `priority`, `since` (ms), `runs` once it does; expires
tutti:partitions                          string      how many partitions there are, fixed at the first start
tutti:orchestrator:<replica>              string      a replica's lease, its value the address; expires
tutti:orchestrator-upkeep                 string      the replica whose turn it is to clean indexes; expires
tutti:kinds                               hash        kind -> KindInfo, every kind that a worker ever registered

channel
tutti:{p}:job:<id>:events                 pub/sub     pokes watchers on other replicas; the stream is the truth
tutti:{p}:owner:<owner>:events            pub/sub     job ids, each with the first cursor of what was just recorded: for
                                                      dashboards on any replica
tutti:orchestrator:<replica>:wishes       pub/sub     job ids whose driver should look at a wish recorded in the job
"""

from tutti.v1 import task_pb2

PARTITIONS = "tutti:partitions"
KINDS = "tutti:kinds"
UPKEEP = "tutti:orchestrator-upkeep"
GROUP = "orchestrators"
#: Every owner's index and list of dead letters in every partition.
INDEXES = "tutti:{*}:[do]*:*"

#: In the order in which they are read.
STREAMS = {
    task_pb2.PRIORITY_HIGH: "high",
    task_pb2.PRIORITY_NORMAL: "normal",
    task_pb2.PRIORITY_LOW: "low",
}


def partition_of(key: str) -> int:
    return int(key[key.index("{") + 1 : key.index("}")])


def stream(partition: int, priority: int) -> str:
    name = STREAMS.get(task_pb2.Priority.ValueType(priority), "normal")
    return f"tutti:{{{partition}}}:jobs:stream:{name}"


def streams(partition: int) -> list[str]:
    return [stream(partition, priority) for priority in STREAMS]


def job(partition: int, job_id: str) -> str:
    return f"tutti:{{{partition}}}:job:{job_id}"


def job_prefix(partition: int) -> str:
    return f"tutti:{{{partition}}}:job:"


def events(partition: int, job_id: str) -> str:
    return f"tutti:{{{partition}}}:job:{job_id}:events"


def owner(partition: int, name: str) -> str:
    return f"tutti:{{{partition}}}:owner:{name}"


def owner_prefix(partition: int) -> str:
    return f"tutti:{{{partition}}}:owner:"


def open_jobs(partition: int) -> str:
    return f"tutti:{{{partition}}}:open"


def dead(partition: int, owner_name: str) -> str:
    return f"tutti:{{{partition}}}:dead:{owner_name}"


def owner_events(partition: int, name: str) -> str:
    # The scripts build it too, from what they are given.
    return f"tutti:{{{partition}}}:owner:{name}:events"


def owner_of_channel(channel: str) -> str:
    return channel.partition("}:owner:")[2].removesuffix(":events")


def request(partition: int, owner_name: str, request_id: str) -> str:
    return f"tutti:{{{partition}}}:request:{owner_name}:{request_id}"


def cache(partition: int, digest: str) -> str:
    return f"tutti:{{{partition}}}:cache:{digest}"


def replica(name: str) -> str:
    return f"tutti:orchestrator:{name}"


def wishes(name: str) -> str:
    return f"tutti:orchestrator:{name}:wishes"
