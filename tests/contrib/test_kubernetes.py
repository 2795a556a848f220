#!/usr/bin/python3
"""The files of contrib/kubernetes: what they must have, and that dlock takes their words."""

from __future__ import annotations

import re
import sys
import unittest
from typing import Any

from words import CONTRIB, accepted, parse_seconds, value_of

try:
    import yaml
except ImportError:
    print("THE FILES FOR KUBERNETES WERE NOT CHECKED: there is no python3-yaml")
    sys.exit(77)


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((CONTRIB / "kubernetes" / name).read_text()))


class Kubernetes(unittest.TestCase):
    def check_pod(self, pod: dict[str, Any]) -> dict[str, Any]:
        """Returns its container."""
        [container] = pod["containers"]
        tag = container["image"].rsplit("/", 1)[-1].partition(":")[2]
        self.assertRegex(tag, r"^\d", container["image"])
        words = [word.replace("$(POD_IP)", "10.0.0.1") for word in container["command"] + container["args"]]
        self.assertTrue(all(isinstance(word, str) for word in words), words)
        accepted(self, words)
        self.assertGreater(pod["terminationGracePeriodSeconds"], parse_seconds(value_of(words, "--kill-after")) + 5)
        self.assertTrue(pod["securityContext"]["runAsNonRoot"])
        # The URL comes from the secret, and is not in the command or in the environment.
        [mount] = container["volumeMounts"]
        [volume] = pod["volumes"]
        self.assertEqual(mount["name"], volume["name"])
        self.assertEqual(value_of(words, "--url-file"), f"{mount['mountPath']}/url")
        self.assertEqual((volume["secret"]["secretName"], volume["secret"]["defaultMode"]), ("dlock", 0o440))
        self.assertEqual(volume["secret"]["defaultMode"] & 0o7, 0)
        self.assertIn("limits", container["resources"])
        variables = {each["name"] for each in container.get("env", [])}
        self.assertEqual(set(re.findall(r"\$\((\w+)\)", " ".join(container["command"] + container["args"]))), variables)
        return container

    def test_the_cron_job(self) -> None:
        [job] = documents("cronjob.yaml")
        self.assertEqual((job["apiVersion"], job["kind"], job["metadata"]["name"]), ("batch/v1", "CronJob", "nightly"))
        self.assertEqual(len(job["spec"]["schedule"].split()), 5)
        self.assertEqual(job["spec"]["concurrencyPolicy"], "Forbid")
        of_one = job["spec"]["jobTemplate"]["spec"]
        self.assertEqual(of_one["backoffLimit"], 0)
        pod = of_one["template"]["spec"]
        self.assertEqual(pod["restartPolicy"], "Never")
        self.assertEqual(self.check_pod(pod)["command"][1], "run")

    def test_the_deployment(self) -> None:
        deployment, service = documents("deployment.yaml")
        self.assertEqual((deployment["apiVersion"], deployment["kind"]), ("apps/v1", "Deployment"))
        spec = deployment["spec"]
        self.assertEqual(spec["strategy"]["type"], "Recreate", "a new pod is not ready before the old one has ended")
        labels = spec["template"]["metadata"]["labels"]
        self.assertEqual((spec["selector"]["matchLabels"], service["spec"]["selector"]), (labels, labels))
        container = self.check_pod(spec["template"]["spec"])
        self.assertEqual(container["command"][1], "elect")
        [port] = container["ports"]
        self.assertEqual((container["readinessProbe"]["httpGet"]["port"], service["spec"]["ports"][0]["targetPort"]), (port["name"], port["name"]))
        self.assertIn(f":{port['containerPort']}", value_of(container["command"], "--value"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
