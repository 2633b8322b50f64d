"""Runs the blocks of commands that documents mark with "run"; see run.sh."""

import json, os, re, shutil, socket, subprocess, sys, tempfile, time, urllib.request

root, program, *server = sys.argv[1:]
venv = os.environ.get("SQLITE3_CLOUD_S3_TEST_VENV") or f"{root}/.venv-tests"
scratch = tempfile.mkdtemp(prefix="sqlite3-cloud-s3-docs-")


def free_ports(count):
    """Returns free ports of 127.0.0.1; the port 10,000 above each, which SeaweedFS takes too, is also free."""
    found = []
    while len(found) < count:
        with socket.socket() as low, socket.socket() as high:
            low.bind(("127.0.0.1", 0))
            port = 10000 + low.getsockname()[1] % 12000
            try:
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
                high.bind(("127.0.0.1", port + 10000))
            except OSError:
                continue
            if port not in found:
                found.append(port)
    return found


def start_server():
    folder = f"{scratch}/server"
    os.makedirs(f"{folder}/data")
    identity = {"name": "admin", "credentials": [{"accessKey": "key", "secretKey": "secret"}],
                "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    with open(f"{folder}/s3.json", "w") as file:
        json.dump({"identities": [identity]}, file)
    ports = free_ports(4)
    arguments = [f"{venv}/bin/weed", f"-logdir={folder}", "server", f"-dir={folder}/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
                 f"-master.port={ports[0]}", f"-volume.port={ports[1]}", "-filer", f"-filer.port={ports[2]}", "-s3",
                 f"-s3.port={ports[3]}", f"-s3.config={folder}/s3.json", "-master.volumeSizeLimitMB=64",
                 "-volume.max=50", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, cwd=folder, env={"HOME": folder, "PATH": os.environ["PATH"]})
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{ports[3]}/", timeout=2)
        except urllib.error.HTTPError:
            return process, f"127.0.0.1:{ports[3]}", "key", "secret", ports
        except OSError:
            time.sleep(0.1)
    process.kill()
    sys.exit("SeaweedFS did not answer")


def blocks(path):
    """Returns language and lines of each marked block, and the number of its first line."""
    found, inside = [], None
    for number, line in enumerate(open(path, encoding="utf-8").read().split("\n"), 1):
        if inside is not None:
            if line.startswith("```"):
                found.append(inside)
                inside = None
            else:
                inside[2].append(line)
        elif match := re.fullmatch(r"```(\w+) run", line):
            inside = (number + 1, match[1], [])
        elif line.startswith("```"):
            inside = (0, "", [])
    return [block for block in found if block[0]]


def masked(text):
    """Returns the text without the parts that differ from run to run."""
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    text = re.sub(r"\b[0-9a-f]{8}-[0-9a-f]{8}\b", "GENERATION", text)
    text = re.sub(r"\b[0-9a-f]{16,32}\b", "HASH", text)
    text = re.sub(r"file://\S+", "FILEURL", text)
    return re.sub(r"\d+", "N", text)


def session(lines):
    """Returns a shown session as commands, each with its input and its expected output; "..." stands for any text."""
    steps = []
    for line in lines:
        if line.startswith("$ "):
            steps.append((line[2:], [], []))
        elif line.startswith("sqlite> ") or line.startswith("   ...> "):
            steps[-1][1].append(line[8:])
        elif not re.match(r"SQLite version |Enter \".help\"|Mirror(?:ed)? to ", line):
            steps[-1][2].append(line)
    return steps


def run(script, environment, folder, text=""):
    return subprocess.run(["bash", "-eu", "-o", "pipefail", "-c", script], input=text, text=True, cwd=folder,
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)


def check(path, environment):
    folder = tempfile.mkdtemp(dir=scratch)
    failures = 0
    name = os.path.relpath(path, root)
    found = blocks(path)
    for number, language, lines in found:
        steps = session(lines) if language == "console" else [("\n".join(lines), [], [])]
        for command, typed, seen in steps:
            result = run(command, environment, folder, "".join(line + "\n" for line in typed))
            output = result.stdout.split("\n")
            at, complaint = 0, None
            if result.returncode != 0:
                complaint = f"exit code {result.returncode}"
            for line in seen:
                if line.strip() in ("", "..."):
                    continue
                while at < len(output) and masked(output[at]) != masked(line):
                    at += 1
                if at == len(output):
                    complaint = complaint or f"not seen: {line}"
                    break
                at += 1
            if complaint:
                failures += 1
                print(f"{name}:{number}: {complaint}\n{command}\n{result.stdout}")
    print(f"{name}: {len(found)} blocks run, {failures} failures")
    return failures if found else 1


def main():
    process, ports = None, []
    if server:
        host, key, secret = server
    else:
        process, host, key, secret, ports = start_server()
    try:
        os.makedirs(f"{scratch}/bin")
        os.makedirs(f"{scratch}/home")
        os.symlink(program, f"{scratch}/bin/sqlite3-cloud-s3")
        environment = {"PATH": f"{scratch}/bin:{os.environ['PATH']}", "HOME": f"{scratch}/home", "LC_ALL": "C.UTF-8",
                       "S3_HOSTNAME": f"http://{host}", "S3_ACCESS_KEY_ID": key, "S3_SECRET_ACCESS_KEY": secret}
        for name in ("LD_LIBRARY_PATH",):
            if name in os.environ:
                environment[name] = os.environ[name]
        remote = {"RCLONE_S3_PROVIDER": "Other", "RCLONE_S3_ENDPOINT": f"http://{host}",
                  "RCLONE_S3_ACCESS_KEY_ID": key, "RCLONE_S3_SECRET_ACCESS_KEY": secret}
        subprocess.run([f"{venv}/bin/rclone", "mkdir", ":s3:backups", "--config", "/dev/null", "-q"],
                       env={**environment, **remote}, check=True, timeout=60)
        documents = [f"{root}/README.md", f"{root}/Docs/Guide.md"]
        return sum(check(path, environment) for path in documents)
    finally:
        if process:
            process.kill()
            process.wait()
            for port in ports:
                for kind in ("master", "volume", "filer", "s3"):
                    for socket_name in (f"{kind}-{port}", f"{kind}-grpc-{port + 10000}"):
                        try:
                            os.unlink(f"/tmp/seaweedfs-{socket_name}.sock")
                        except OSError:
                            pass
        shutil.rmtree(scratch, ignore_errors=True)


sys.exit(1 if main() else 0)
