"""Clients of Kafka Connect's REST interface that others wrote, as their own pages show them, against the daemon.

    rest_clients.py kc|class|cluster REST_URL ADDRESSES

ADDRESSES is a JSON object of what the examples leave to their reader: addresses, passwords, a connector's configuration. Each
step prints what was asked; the first that does not get what its page promises ends the program with an error.

    kc       kafka-connect-py: its README's "Command Line Usage", with the connector of that page
    class    kafka-connect-py: its README's "Python"
    cluster  kafka-connect-api: its README's "Usage" and "Features"
"""

import json
import subprocess
import sys
import time

WAIT_SECONDS = 120


def until(what, ready):
    end = time.monotonic() + WAIT_SECONDS
    while True:
        value = ready()
        if value:
            return value
        if time.monotonic() > end:
            raise SystemExit(f"{what}: not within {WAIT_SECONDS} s")
        time.sleep(0.1)


def kc(url, addresses):
    def run(*arguments):
        print("kc", *(argument if len(argument) < 60 else "…" for argument in arguments), flush=True)
        command = [sys.executable, "-c", "from kafka_connect.cli import cli; cli()", "--url", url, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments[0]} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def ask(*arguments):
        return json.loads(run(*arguments))
    name = "source-debezium-orders-00"
    assert ask("info")["version"].startswith("4.")
    classes = [plugin["class"] for plugin in ask("list-plugins")]
    assert "io.debezium.connector.mysql.MySqlConnector" in classes
    config = {
        "connector.class": "io.debezium.connector.mysql.MySqlConnector",
        "value.converter": "io.confluent.connect.json.JsonSchemaConverter",
        "value.converter.schemas.enable": "true",
        "value.converter.schema.registry.url": addresses["SCHEMA_REGISTRY_URL"],
        "value.converter.basic.auth.credentials.source": "USER_INFO",
        "value.converter.basic.auth.user.info": "key:secret",
        "database.hostname": addresses["mysql_host"],
        "database.port": addresses["mysql_port"],
        "database.user": addresses["mysql_user"],
        "database.password": "dbz",
        "database.server.id": "42",
        "database.server.name": "asgard",
        "table.whitelist": "demo.orders",
        "database.history.kafka.bootstrap.servers": addresses["BOOTSTRAP_SERVERS"],
        "database.history.consumer.security.protocol": "SASL_SSL",
        "database.history.consumer.sasl.mechanism": "PLAIN",
        "database.history.consumer.sasl.jaas.config":
            'org.apache.kafka.common.security.plain.PlainLoginModule required username="key" password="secret";',
        "database.history.producer.security.protocol": "SASL_SSL",
        "database.history.producer.sasl.mechanism": "PLAIN",
        "database.history.producer.sasl.jaas.config":
            'org.apache.kafka.common.security.plain.PlainLoginModule required username="key" password="secret";',
        "database.history.kafka.topic": "dbhistory.demo",
        "topic.creation.default.replication.factor": addresses["brokers"],
        "topic.creation.default.partitions": "3",
        "decimal.handling.mode": "double",
        "include.schema.changes": "true",
        "transforms": "unwrap,addTopicPrefix",
        "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
        "transforms.addTopicPrefix.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.addTopicPrefix.regex": "(.*)",
        "transforms.addTopicPrefix.replacement": "mysql-debezium-$1",
    }
    made = ask("update", name, "-d", json.dumps(config))
    assert made["name"] == name and made["type"] == "source", made
    assert ask("list") == [name]
    running = ["RUNNING", "RUNNING"]

    def states():
        status = ask("status", name)
        return [status["connector"]["state"], *(task["state"] for task in status["tasks"])]
    until("it runs", lambda: states() == running)
    topic = "mysql-debezium-asgard.demo.orders"
    until("its topic is told", lambda: topic in ask("list-topics", name)[name]["topics"])
    shown = ask("config", name)
    assert shown["table.whitelist"] == "demo.orders" and shown["database.password"] == "********", shown
    assert ask("task-status", name, "0")["state"] == "RUNNING"
    assert ask("list-tasks", name)[0]["config"]["task.class"] == "io.debezium.connector.mysql.MySqlConnectorTask"
    assert list(ask("list", "--expand=status", "-p", "source-.*", "-s", "running")) == [name]
    run("pause", name)
    until("it is paused", lambda: states() == ["PAUSED", "PAUSED"])
    run("resume", name)
    until("it runs again", lambda: states() == running)
    run("restart", name)
    run("restart", name, "--include-tasks", "--only-failed")
    run("restart-task", name, "0")
    until("it runs after its restart", lambda: states() == running)
    run("reset-topics", name)
    run("delete", "--all", "--pattern", "source-.*", "-s", "running")
    assert ask("list") == []


def of_class(url, addresses):
    from kafka_connect import KafkaConnect
    client = KafkaConnect(url=url)
    assert client.get_cluster_info()["version"].startswith("4.")
    assert client.list_connectors(expand="status") == {}
    config = {"name": "my-connector", "config": addresses["config"]}
    validated = client.validate_connector_config("PostgresConnector", {"name": "my-connector", **addresses["config"]})
    assert validated["error_count"] == 0, validated
    made = client.create_connector(config)
    assert made["name"] == "my-connector" and made["config"]["name"] == "my-connector", made
    again = client.update_connector("my-connector", {**addresses["config"], "poll.interval.ms": "100"})
    assert again["config"]["poll.interval.ms"] == "100", again
    until("it runs", lambda: client.get_connector_status("my-connector")["tasks"][0]["state"] == "RUNNING")
    client.restart_connector("my-connector")
    states = client.restart_connector("my-connector", include_tasks=True)
    assert states["tasks"][0]["state"] == "RESTARTING", states
    client.stop_connector("my-connector")
    until("it has no tasks", lambda: client.list_connector_tasks("my-connector") == [])
    client.delete_connector("my-connector")
    assert client.list_connectors() == []


def cluster(url, addresses):
    from kafka_connect_api.errors import ConnectApiException, GenericNotFound
    from kafka_connect_api.kafka_connect_api import Api, Cluster, Connector
    host, port = url.removeprefix("http://").split(":")
    api = Api(host, port=int(port))
    cluster = Cluster(api)
    assert cluster.connectors == {} and cluster.version.startswith("4.")
    api.post("/connectors", json={"name": "orders", "config": addresses["config"]})
    connector = cluster.connectors["orders"]
    assert connector.exists() and connector.connector_class == addresses["config"]["connector.class"]
    until("it runs", lambda: connector.state == "RUNNING" and connector.tasks[0].is_running())
    connector.config = {**connector.config, "poll.interval.ms": "100"}
    assert connector.config["poll.interval.ms"] == "100", "a mask is taken for the secret that it hides"
    until("it runs with its new configuration", lambda: connector.tasks[0].is_running())
    connector.pause()
    until("it is paused", lambda: connector.state == "PAUSED")
    connector.resume()
    connector.restart()
    connector.restart_all_tasks()
    connector.cycle_connector()
    until("it runs again", lambda: connector.state == "RUNNING" and connector.tasks[0].is_running())
    connector.delete()
    try:
        Connector(cluster, "orders").config
        raise SystemExit("a connector that was deleted is still there")
    except GenericNotFound as error:
        assert error.code == 404
    try:
        api.post("/connectors", json={"name": "orders", "config": {"connector.class": "com.acme.Nope"}})
        raise SystemExit("a class that does not exist is taken")
    except ConnectApiException as error:
        assert error.code == 400, error


if __name__ == "__main__":
    what = {"kc": kc, "class": of_class, "cluster": cluster}[sys.argv[1]]
    what(sys.argv[2], json.loads(sys.argv[3]))
