#!/bin/sh
# What an old hand finds on a server that three people have left. Each trap is named in ../doctor_messy.rs.
set -e
file() { # PATH MODE: the text comes on standard input
    mkdir -p "$(dirname "$1")"
    cat >"$1"
    chmod "$2" "$1"
}
useradd --create-home --shell /bin/bash shop
useradd --create-home --shell /bin/bash contractor
chage --expiredate 2024-01-31 contractor
mkdir -p /opt/shop/bin /opt/shop/data /srv/backup /srv/blog
for name in cleanup sync-stock poll index export mailout report metrics nightly prices; do
    printf '#!/bin/sh\necho %s\n' $name | file /opt/shop/bin/$name.sh 755
done

# Crontabs.
file /etc/cron.d/shop 644 <<'END'
# shop, do not touch (Jan, 2021)
15 3 * * * root /opt/shop/bin/cleanup.sh --older-than 30
*/10 * * * * shop /opt/shop/bin/sync-stock.sh > /dev/null 2>&1
0 1 * * * root tar -czf /srv/backup/etc-$(date +%Y%m%d).tgz -C / etc
30 6 * * 1 shop /usr/bin/python3
45 6 * * * shop /opt/shop/bin/old-report.sh --weekly
5 * * * * shop /opt/shop/bin/rotate-keys.sh
10 * * * * shop /opt/shop/bin/import.sh
20 4 * * * shop ./bin/queue.sh --once
25 4 * * * root shopctl reindex
*/5 * * * * shop source /opt/shop/env && /opt/shop/bin/poll.sh
0 0 31 2 * root /opt/shop/bin/metrics.sh --year
0 5 * * * root /opt/shop/bin/nightly.sh
*/15 * * * * root flock -n /run/lock/index.lock /opt/shop/bin/index.sh
*/20 * * * * root flock /run/lock/export.lock /opt/shop/bin/export.sh
35 * * * * root flock -n -E 75 /tmp/mailout.lock /opt/shop/bin/mailout.sh
50 2 * * * root /opt/shop/bin/cronwrap.sh /opt/shop/bin/report.sh
55 2 * * * root /opt/shop/bin/timed.sh /opt/shop/bin/prices.sh
40 2 * * * root /opt/shop/bin/dump.sh
42 2 * * * root /opt/shop/bin/copy-orders.sh
7 7 * * * root curl -s -u admin:Hunter2-Sommer-2021 https://erp.example.com/ping
END
printf '0 3 * * * root /opt/shop/bin/cleanup.sh --certificates' | file /etc/cron.d/renew-certificates 644
echo '0 2 * * * root /opt/shop/bin/report.sh --all' | file /etc/cron.d/backup.sh 644
printf '#!/bin/sh\ntrue\n' | file /etc/cron.daily/db-backup.sh 755
printf '#!/bin/sh\ntrue\n' | file /etc/cron.weekly/prune-images 644
echo '*/2 * * * * /opt/shop/bin/poll.sh --monitoring' | file /etc/cron.d/monitoring 644
echo '0 4 * * 0 deployer /opt/shop/bin/metrics.sh --deploy' | file /etc/cron.d/deploy 644
echo '*/3 * * * * root /opt/shop/bin/metrics.sh --cpu' | file /etc/cron.d/metrics 664
printf '0 5 * * * /opt/shop/bin/nightly.sh\n' | file /var/spool/cron/crontabs/root 600
printf '20 5 * * * root /opt/shop/bin/report.sh --mine\n' | file /var/spool/cron/crontabs/shop 600
printf '0 6 * * 5 /opt/shop/bin/report.sh --hours\n' | file /var/spool/cron/crontabs/contractor 600
printf '#!/bin/sh\necho keys\n' | file /opt/shop/bin/rotate-keys.sh 644
printf '#!/bin/sh\r\necho import\r\n' | file /opt/shop/bin/import.sh 755
printf '#!/bin/sh\necho reindex\n' | file /usr/local/bin/shopctl 755
file /opt/shop/bin/cronwrap.sh 755 <<'END'
#!/bin/bash
set -e
"$@" > /var/log/cronwrap.log 2>&1
code=$?
if [ $code -ne 0 ]; then
    curl -s -d "job $1 failed with $code" https://hooks.example.com/alert
fi
END
file /opt/shop/bin/timed.sh 755 <<'END'
#!/bin/sh
/usr/bin/time -f %e -o /tmp/took "$@"
END
file /opt/shop/bin/dump.sh 755 <<'END'
#!/bin/bash
pg_dump -U postgres shop | gzip > /srv/backup/shop.sql.gz
END
file /opt/shop/bin/copy-orders.sh 755 <<'END'
#!/bin/sh
cp /opt/shop/data/orders.db /srv/backup/orders.db
END
sqlite3 /opt/shop/data/orders.db 'pragma journal_mode=wal; create table o (n); insert into o values (1);'
# Somebody has it open, so that the -wal file stays.
systemd-run --quiet --unit orders-reader --property Restart=always --property MemoryMax=64M \
    python3 -c "import sqlite3, time; c = sqlite3.connect('/opt/shop/data/orders.db'); c.execute('insert into o values (2)'); c.commit(); time.sleep(9e6)"

# Logs.
mkdir -p /opt/shop/log /opt/shop/runs/logs
fallocate -l 70M /opt/shop/log/app.log
file /etc/logrotate.d/shop-access 644 <<'END'
/var/log/shop-access.log {
    size 500M
    daily
    rotate 7
    missingok
}
END
echo x | file /var/log/shop-access.log 644
printf '/var/log/shop-queue.log {\n    weekly\n    rotate 4\n}\n' | file /etc/logrotate.d/shop-queue 664
echo x | file /var/log/shop-queue.log 644
printf '/var/log/shop-mail.log {\n    weekly\n    create 0640 mailer adm\n    rotate 4\n}\n' | file /etc/logrotate.d/shop-mail 644
echo x | file /var/log/shop-mail.log 644
install -d -m 775 -g shop /var/log/shop-group
echo x | file /var/log/shop-group/web.log 664
printf '/var/log/shop-group/*.log {\n    weekly\n    rotate 4\n}\n' | file /etc/logrotate.d/shop-group 644
(cd /opt/shop/runs/logs && seq 1 1300 | sed 's/$/.log/' | xargs touch -d '2026-01-05')
file /etc/systemd/journald.conf.d/small.conf 644 <<'END'
[Journal]
Storage=volatile
END
systemd-run --quiet --unit importer --property Restart=always --property MemoryMax=64M \
    sh -c 'exec >>/var/log/importer.log; head -c 3M /dev/zero; while sleep 1; do echo line; done'
until [ "$(stat -c %s /var/log/importer.log 2>/dev/null || echo 0)" -ge 3145728 ]; do sleep 0.1; done
rm /var/log/importer.log

# Disks.
echo 'UUID=3f1c0c2e-8a6e-4a8b-9c3e-2f7d1b6a5e10 /mnt/backup ext4 defaults,nofail 0 2' >>/etc/fstab
mkdir -p /mnt/backup

# Services.
unit() { # NAME: the text comes on standard input
    file "/etc/systemd/system/$1.service" 644
}
unit shop-web <<'END'
[Unit]
Description=Shop
After=network.target
[Service]
User=shop
EnvironmentFile=/opt/shop/web.env
ExecStart=/usr/bin/python3 -m http.server 8001 --bind 127.0.0.1 --directory /opt/shop/bin
[Install]
WantedBy=multi-user.target
END
printf 'SHOP_THEME=summer\n' | file /opt/shop/web.env 640
chgrp shop /opt/shop/web.env
unit shop-worker <<'END'
[Service]
ExecStart=/bin/sleep infinity
Restart=always
MemoryLimitMax=200M
EnvironmentFile=-/etc/shop/worker.env
[Install]
WantedBy=multi-user.target
END
unit shop-vpn-api <<'END'
[Unit]
After=network.target
[Service]
ExecStart=/usr/bin/python3 -m http.server 8002 --bind 10.8.0.1
Restart=on-failure
MemoryMax=100M
[Install]
WantedBy=multi-user.target
END
unit shop-old <<'END'
[Service]
ExecStart=/bin/false
[Install]
WantedBy=multi-user.target
END
unit shop-flap <<'END'
[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/sh -c 'sleep 0.2; exit 1'
Restart=always
RestartSec=0
MemoryMax=50M
[Install]
WantedBy=multi-user.target
END
unit shop-sessions <<'END'
[Service]
ExecStart=/bin/sleep infinity
Restart=always
MemoryMax=900G
Environment=SESSION_SECRET=mei5Quaeph3aiBoh
[Install]
WantedBy=multi-user.target
END
unit shop-pool <<'END'
[Service]
ExecStart=/usr/bin/python3 -c "import time; a = [open('/dev/null') for _ in range(85)]; time.sleep(9e6)"
Restart=always
MemoryMax=50M
LimitNOFILE=100
[Install]
WantedBy=multi-user.target
END
file /home/shop/.config/systemd/user/thumbnails.service 644 <<'END'
[Service]
ExecStart=/bin/sleep infinity
[Install]
WantedBy=default.target
END
mkdir -p /home/shop/.config/systemd/user/default.target.wants
ln -s ../thumbnails.service /home/shop/.config/systemd/user/default.target.wants/thumbnails.service
chown -R shop: /home/shop/.config
systemctl daemon-reload
systemctl enable --quiet --now shop-web shop-flap shop-sessions shop-pool
systemctl enable --quiet shop-vpn-api shop-old
systemctl start shop-worker
systemctl start shop-old || true
sleep 1.1
printf 'SHOP_THEME=winter\nSHOP_PRICES=net\n' >/opt/shop/web.env
printf '[Service]\nNice=5\n' | file /etc/systemd/system/shop-sessions.service.d/nice.conf 644

# Other keepers.
printf '[program:feed]\ncommand=/opt/shop/bin/poll.sh\nmemory_limit=256MB\n' | file /etc/supervisor/conf.d/feed.conf 644
echo 77 | file /home/shop/.pm2/pids/api-0.pid 644

# Secrets and links.
printf 'DATABASE_URL=postgres://shop:eiNgoo7Aev@localhost/shop\nSTRIPE_SECRET_KEY=sk_live_4eC39HqLyjWDarjtT1\n' | file /opt/shop/.env 644
printf 'DB_PASSWORD=Ohm3ahph5ae\n' | file /srv/blog/.env 600
git -C /srv/blog init --quiet
git -C /srv/blog add .env
ln -s /opt/shop/releases/17 /opt/shop/current
ln -s /srv/blog/uploads /opt/shop/uploads
mkdir -p /srv/blog/uploads

# Web server and certificates.
certificate() { # NAME DAYS
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$2" -subj "/CN=$1" \
        -addext "subjectAltName=DNS:$1" -keyout "/etc/ssl/private/$1.key" -out "/etc/ssl/certs/$1.pem" 2>/dev/null
}
# Made 85 days ago for 90 days: `openssl req` cannot do that.
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=shop.example.com \
    -keyout /etc/ssl/private/shop.example.com.key -out /root/shop.csr 2>/dev/null
mkdir /root/authority
touch /root/authority/index
printf '[ca]\ndefault_ca=a\n[a]\ndatabase=/root/authority/index\nnew_certs_dir=/root/authority\ndefault_md=sha256\npolicy=p\nrand_serial=1\n[p]\ncommonName=supplied\n' \
    >/root/authority/conf
openssl ca -batch -selfsign -notext -config /root/authority/conf -keyfile /etc/ssl/private/shop.example.com.key \
    -startdate "$(date -u -d '-85 days' +%y%m%d%H%M%SZ)" -enddate "$(date -u -d '+5 days' +%y%m%d%H%M%SZ)" \
    -in /root/shop.csr -out /etc/ssl/certs/shop.example.com.pem 2>/dev/null
certificate old.example.com 300
openssl ecparam -name prime256v1 -genkey -noout -out /etc/ssl/private/old.example.com.key
systemctl start nginx
file /etc/nginx/sites-available/shop 644 <<'END'
server {
    listen 443 ssl;
    server_name shop.example.com;
    ssl_certificate /etc/ssl/certs/shop.example.com.pem;
    ssl_certificate_key /etc/ssl/private/shop.example.com.key;
    add_header Strict-Transport-Security "max-age=31536000" always;
    location / {
        proxy_pass http://127.0.0.1:8001;
    }
    location /api/ {
        proxy_pass http://127.0.0.1:5999;
    }
    location /stock/ {
        proxy_pass http://stock.partner.example:8080;
    }
    location /static/ {
        root /opt/shop;
        add_header Cache-Control "public";
    }
}
END
ln -s /etc/nginx/sites-available/shop /etc/nginx/sites-enabled/shop
file /etc/nginx/sites-enabled/old 644 <<'END'
server {
    listen 443 ssl;
    server_name old.example.com;
    ssl_certificate /etc/ssl/certs/old.example.com.pem;
    ssl_certificate_key /etc/ssl/private/old.example.com.key;
}
END
ln -s /etc/nginx/sites-available/gone /etc/nginx/sites-enabled/campaign
echo 'gzip_types application/json;' | file /etc/nginx/conf.d/compress 644
file /etc/letsencrypt/renewal/www.example.com.conf 644 <<'END'
version = 2.1.0
cert = /etc/letsencrypt/live/www.example.com/cert.pem
privkey = /etc/letsencrypt/live/www.example.com/privkey.pem
[renewalparams]
authenticator = webroot
END

# Databases.
file /etc/postgresql/15/main/postgresql.conf 644 <<'END'
port = 5432
max_connections = 40
shared_buffers = 128MB
END
file /etc/pgbouncer/pgbouncer.ini 640 <<'END'
[databases]
shop = host=127.0.0.1 port=5432 dbname=shop pool_size=30
stats = host=127.0.0.1 port=5432 dbname=stats pool_size=30
[pgbouncer]
listen_port = 6432
pool_mode = transaction
server_reset_query = DISCARD ALL
END

# Time, upgrades, mail.
echo 'Europe/Berlin' >/etc/timezone
file /etc/apt/apt.conf.d/20auto-upgrades 644 <<'END'
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
END
file /var/log/unattended-upgrades/unattended-upgrades.log 644 <<'END'
2026-01-04 06:10:00,001 INFO Starting unattended upgrades script
2026-01-04 06:10:44,001 ERROR Installing the upgrades failed!
END

for number in $(seq 1 300); do
    mkdir -p "/var/spool/smtpd/queue/a1/a1b2c$number"
    echo stuck >"/var/spool/smtpd/queue/a1/a1b2c$number/message"
done

# Images and containers.
file /opt/shop/Dockerfile 644 <<'END'
FROM python:3.12-slim
ENV STRIPE_KEY=sk_live_9dFk20slqpWmzE
COPY . /app
HEALTHCHECK CMD curl -f http://localhost:8000/ || exit 1
CMD gunicorn shop:app
END
echo '{"storage-driver":"vfs"}' | file /etc/docker/daemon.json 644
systemctl start docker
tar -C / -chf - usr/bin/sleep $(ldd /usr/bin/sleep | grep -o '/[^ ]*') 2>/dev/null | docker import - legacy >/dev/null
docker run --detach --name legacy-cms --volume /run/docker.sock:/run/docker.sock --publish 8088:80 legacy /usr/bin/sleep 99999 >/dev/null
ufw --force enable >/dev/null
