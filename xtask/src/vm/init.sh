#!/bin/busybox sh
# The first process: inserts the modules in their order, puts an overlay in memory over the host's root, and goes over to it.
/bin/busybox mkdir -p /proc /sys /dev /host /memory /root
alias bb=/bin/busybox
bb mount -t proc proc /proc
bb mount -t sysfs sys /sys
bb mount -t devtmpfs dev /dev
while read -r module; do
    # Devices of its own would be in nobody's way but in a test's.
    case $module in
    bonding.ko) bb insmod /$module max_bonds=0 ;;
    dummy.ko) bb insmod /$module numdummies=0 ;;
    *) bb insmod /$module ;;
    esac || echo "module $module was not inserted"
done </modules
bb mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /host
bb mount -t tmpfs memory /memory
bb mkdir /memory/upper /memory/work
bb mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work overlay /root
for mount in proc sys dev; do bb mount --move /$mount /root/$mount; done
bb mount -t tmpfs run /root/run
bb mkdir -p /root/run/vm /root/dev/pts /root/dev/shm
bb mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 session /root/run/vm
exec /bin/busybox switch_root /root /run/vm/busybox sh /run/vm/session
