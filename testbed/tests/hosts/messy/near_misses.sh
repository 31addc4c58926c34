#!/bin/sh
# What looks like the traps beside it and is right. Everything in here has `fine-` in its name, and no finding may name it.
set -e
file() { # PATH MODE: the text comes on standard input
    mkdir -p "$(dirname "$1")"
    cat >"$1"
    chmod "$2" "$1"
}
useradd --create-home --shell /usr/sbin/nologin fine-app
usermod --lock fine-app
mkdir -p /opt/fine-app/bin /opt/fine-app/data
printf '#!/bin/sh\necho job\n' | file /opt/fine-app/bin/job.sh 755
printf '#!/bin/sh\necho plain\n' | file /opt/fine-app/bin/plain.sh 644
printf '#!/usr/bin/env python3\nprint(1)\n' | file /home/fine-app/bin/fine-home.sh 755

# Crontabs.
file /etc/cron.d/fine-jobs 644 <<'END'
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
0 2 * * * root muster run fine-plain -- /opt/fine-app/bin/job.sh
1 2 * * * root muster run fine-quiet -- /opt/fine-app/bin/job.sh fine-quiet >/dev/null 2>&1
2 2 * * * root muster run fine-percent -- sh -c 'tar -czf /srv/backup/fine-$(date +\%F).tgz -C / etc'
3 2 * * * fine-app muster run fine-interpreter -- /usr/bin/python3 -c 'print(1)'
4 2 * * * root muster run fine-given -- sh /opt/fine-app/bin/plain.sh
5 2 * * * root test -x /opt/fine-app/bin/gone.sh && muster run fine-tested -- /opt/fine-app/bin/gone.sh
6 2 * * * fine-app muster run fine-home -- bin/fine-home.sh
7 2 * * * root cd /opt/fine-app && muster run fine-cd -- ./bin/job.sh cd
8 2 * * * root muster run fine-bash -- bash -c '[[ -d /srv ]] && source /etc/profile'
9 2 1-7 * * root [ $(date +\%u) = 1 ] && muster run fine-monday -- /opt/fine-app/bin/job.sh monday
0 12 * * 1-5 root muster run fine-weekdays -- /opt/fine-app/bin/job.sh days
0 12 * * 6,0 root muster run fine-weekend -- /opt/fine-app/bin/job.sh days
10 2 * * * root muster run fine-lock -- flock -n -E 75 /run/lock/fine.lock /opt/fine-app/bin/job.sh lock
11 2 * * * root muster run fine-wait -- flock -w 60 /run/lock/fine-wait.lock /opt/fine-app/bin/job.sh wait
12 2 * * * root muster run fine-wrapped -- /opt/fine-app/bin/fine-wrap.sh /opt/fine-app/bin/job.sh
13 2 * * * root muster run fine-dump -- /opt/fine-app/bin/fine-dump.sh
14 2 * * * root muster run fine-copy -- /opt/fine-app/bin/fine-copy.sh
18 2 * * * root muster run fine-letter -- tee /srv/backup/fine-letter%Good morning,%it is two.
15 2 29 2 * root muster run fine-leap -- /opt/fine-app/bin/job.sh leap
16 2 * * * root command -v fine-tool >/dev/null && fine-tool --quiet && muster run fine-found -- /opt/fine-app/bin/job.sh
END
printf 'SHELL=/bin/bash\nPATH=/usr/local/bin:/usr/bin:/bin\n0 3 * * * root [[ -d /srv ]] && muster run fine-shell -- /opt/fine-app/bin/job.sh s\n' |
    file /etc/cron.d/fine-shell 600
echo '0 3 * * * root /opt/fine-app/bin/never.sh' | file /etc/cron.d/fine-old.dpkg-old 644
printf 'Scripts in this folder run each night.\n' | file /etc/cron.daily/fine-README 644
printf '#!/bin/sh\ntrue\n' | file /etc/cron.daily/fine-daily 755
printf '5 3 * * * /usr/local/bin/muster run fine-own -- /opt/fine-app/bin/job.sh own\n' | file /var/spool/cron/crontabs/fine-app 600
chown fine-app:crontab /var/spool/cron/crontabs/fine-app
file /opt/fine-app/bin/fine-wrap.sh 755 <<'END'
#!/bin/sh
set -e
code=0
"$@" || code=$?
if [ $code -ne 0 ]; then
    logger "failed with $code"
fi
exit $code
END
file /opt/fine-app/bin/fine-dump.sh 755 <<'END'
#!/bin/bash
set -euo pipefail
pg_dump -U postgres fine | gzip > /srv/backup/fine.sql.gz
END
file /opt/fine-app/bin/fine-copy.sh 755 <<'END'
#!/bin/sh
sqlite3 /opt/fine-app/data/fine.db ".backup /srv/backup/fine.db"
END
sqlite3 /opt/fine-app/data/fine.db 'create table o (n);'

# Logs.
mkdir -p /opt/fine-app/log
fallocate -l 70M /opt/fine-app/log/fine-big.log
printf '/opt/fine-app/log/*.log {\n    daily\n    maxsize 100M\n    rotate 7\n    copytruncate\n}\n' | file /etc/logrotate.d/fine-app 644
printf '/var/log/fine-never.log {\n    create 0640 nobody9 adm\n}\n' | file /etc/logrotate.d/fine-off.disabled 664
install -d -m 775 -g fine-app /var/log/fine-group
echo x | file /var/log/fine-group/fine.log 664
printf '/var/log/fine-group/*.log {\n    su root fine-app\n    weekly\n    rotate 4\n}\n' | file /etc/logrotate.d/fine-group 644
mkdir -p /opt/fine-app/runs/logs
(cd /opt/fine-app/runs/logs && seq 1 1300 | sed 's/$/.log/' | xargs touch -d '2026-01-05')
echo 'd /opt/fine-app/runs/logs 0755 root root 30d' | file /etc/tmpfiles.d/fine-app.conf 644

# Disks.
echo 'UUID=5d1c0c2e-8a6e-4a8b-9c3e-2f7d1b6a5e11 /mnt/fine-usb ext4 noauto,nofail 0 2' >>/etc/fstab
mkdir -p /mnt/fine-usb

# Services.
unit() { # NAME: the text comes on standard input
    file "/etc/systemd/system/$1.service" 644
}
unit fine-web <<'END'
[Unit]
After=network-online.target
OnFailure=fine-alert.service
[Service]
User=fine-app
EnvironmentFile=/opt/fine-app/fine.env
ExecStart=/usr/bin/python3 -m http.server 8101 --bind 127.0.0.1 --directory /opt/fine-app/bin
Restart=always
RestartSec=2
MemoryMax=100M
X-Owner=fine-team
[Install]
WantedBy=multi-user.target
END
printf 'FINE_THEME=summer\n' | file /opt/fine-app/fine.env 640
chgrp fine-app /opt/fine-app/fine.env
unit fine-alert <<'END'
[Service]
Type=oneshot
ExecStart=/usr/bin/logger alert
END
unit fine-once <<'END'
[Unit]
OnFailure=fine-alert.service
[Service]
Type=oneshot
ExecStart=/bin/true
MemoryMax=50M
END
file /etc/systemd/system/fine-once.timer 644 <<'END'
[Timer]
OnCalendar=*-*-* 03:00:00
Persistent=true
[Install]
WantedBy=timers.target
END
unit fine-two-files <<'END'
[Unit]
OnFailure=fine-alert.service
[Service]
EnvironmentFile=/opt/fine-app/fine.env
EnvironmentFile=-/opt/fine-app/fine-local.env
ExecStart=/bin/sleep infinity
Restart=on-failure
RestartSec=5
MemoryMax=50M
[Install]
WantedBy=multi-user.target
END
unit fine-stopped <<'END'
[Unit]
OnFailure=fine-alert.service
[Service]
ExecStart=/bin/sleep infinity
Restart=always
RestartSec=5
MemoryMax=50M
[Install]
WantedBy=multi-user.target
END
unit fine-template@ <<'END'
[Unit]
OnFailure=fine-alert.service
[Service]
ExecStart=/bin/sleep infinity
Restart=always
MemoryMax=50M
END
file /home/fine-app/.config/systemd/user/fine-user.service 644 <<'END'
[Unit]
OnFailure=fine-alert.service
[Service]
ExecStart=/bin/sleep infinity
Restart=always
MemoryMax=50M
[Install]
WantedBy=default.target
END
mkdir -p /home/fine-app/.config/systemd/user/default.target.wants /var/lib/systemd/linger
ln -s ../fine-user.service /home/fine-app/.config/systemd/user/default.target.wants/fine-user.service
touch /var/lib/systemd/linger/fine-app
systemctl daemon-reload
systemctl enable --quiet --now fine-web fine-once.timer fine-two-files fine-stopped
systemctl stop fine-stopped

# Other keepers.
printf '[program:fine-feed]\ncommand=/opt/fine-app/bin/job.sh\nenvironment=A="1",\n  memory_limit="512MB"\n' |
    file /etc/supervisor/conf.d/fine-feed.conf 644

# Secrets and links.
printf 'STRIPE_SECRET_KEY=sk_live_4eC39HqLyjWDarjtT2\n' | file /opt/fine-app/.env 600
printf 'STRIPE_SECRET_KEY=change-me\n' | file /opt/fine-app/.env.example 644
printf 'FINE_COLOUR=blue\nFINE_PORT=8101\n' | file /srv/fine-site/.env 644
git -C /srv/fine-site init --quiet
printf '.env\n' >/srv/fine-site/.gitignore
git -C /srv/fine-site add .gitignore
mkdir -p /opt/fine-app/releases/3
ln -s releases/3 /opt/fine-app/current
ln -s /usr/bin/python3 /opt/fine-app/bin/python

# Web server and certificates.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 300 -subj "/CN=fine.example.com" \
    -addext "subjectAltName=DNS:fine.example.com" -keyout /etc/ssl/private/fine.key -out /etc/ssl/certs/fine.pem 2>/dev/null
file /etc/nginx/sites-available/fine-site 644 <<'END'
upstream fine-backend {
    server 127.0.0.1:8101;
}
server {
    listen 8443 ssl;
    server_name fine.example.com;
    ssl_certificate /etc/ssl/certs/fine.pem;
    ssl_certificate_key /etc/ssl/private/fine.key;
    add_header Strict-Transport-Security "max-age=31536000" always;
    location / {
        proxy_pass http://fine-backend;
    }
    location /fine-static/ {
        root /opt/fine-app;
        add_header Strict-Transport-Security "max-age=31536000" always;
        add_header Cache-Control "public";
    }
}
END
ln -s /etc/nginx/sites-available/fine-site /etc/nginx/sites-enabled/fine-site
echo 'server { listen 8444; server_name fine.example.com; }' | file /etc/nginx/sites-available/fine-later 644

# Images and containers.
file /opt/fine-app/Dockerfile 644 <<'END'
FROM python:3.12-slim
RUN apt-get update && apt-get install -y --no-install-recommends curl && pip install gunicorn
ARG STRIPE_KEY
COPY . /app
USER 1000
HEALTHCHECK CMD curl -f http://localhost:8000/ || exit 1
CMD ["gunicorn", "fine:app"]
END
printf '.env\n.git\n' | file /opt/fine-app/.dockerignore 644
