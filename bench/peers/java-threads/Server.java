import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.*;
import java.net.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.atomic.*;
import java.util.concurrent.locks.LockSupport;
import jdk.net.ExtendedSocketOptions;

/**
 * A bare server as gateways are often written in Java: a platform thread for each link, and blocking streams. It does
 * the job that bench/peers/README.md describes, and no more. The thread of a device that is polled writes the question
 * when it is due, and reads until the next one is: so it gets the answer, and notices at once when the link ends. To
 * sleep in between instead would cost more, as Linux searches among all threads that sleep in a lock of the JVM.
 *
 * It has no limits, no retries and no values that others could ask for: on an open network it would not do.
 * Stacks are small if it is started with -Xss256k.
 */
public final class Server {
    private static final int ID_BYTES = 8;
    private static final int MOST_STALL = 5000; // milliseconds
    private static final int REGISTERS = 10;
    private static final int ANSWER = 5 + 2 * REGISTERS;
    private static final long PATIENCE = 3_000_000_000L; // nanoseconds that an answer may take
    private static final int[] CRC_TABLE = crcTable();
    private static final byte[] QUESTION = sealed(1, 4, 0, 0, 0, REGISTERS);
    private static final byte[] ANSWER_HEAD = {1, 4, 2 * REGISTERS};

    /** Upper bounds of the histogram of lags in microseconds, those of linkd's metrics. */
    private static final long[] BOUNDS = {250, 500, 1000, 1500, 2000, 3000, 4000, 6000, 10_000, 20_000, 50_000, 100_000,
        200_000, 500_000, 1_000_000};

    private enum Job { ECHO, SINK, POLL }

    /** The command line. The period is in nanoseconds. */
    private record Options(int devices, Job job, long period, int share, InetAddress ip) { }

    private final Options options;
    private final Map<String, Device> devices; // read only once the server runs
    private final long start = System.nanoTime();
    private volatile long stallEnd = start;
    private int commandNumber; // of the thread that serves the control address

    private final AtomicInteger bound = new AtomicInteger();
    private final LongAdder bytesIn = new LongAdder();
    private final LongAdder polls = new LongAdder();
    private final LongAdder lost = new LongAdder();
    private final LongAdder commands = new LongAdder();
    private final AtomicLongArray lag = new AtomicLongArray(BOUNDS.length + 1);

    private Server(Options options) {
        this.options = options;
        devices = new HashMap<>(2 * options.devices);
        for (int n = 1; n <= options.devices; n++) {
            devices.put("c" + String.valueOf(10_000_000 + n).substring(1), new Device(n, new double[REGISTERS], new AtomicReference<>()));
        }
    }

    /** A device that is known. Its values belong to the thread of its link; a link of null is offline. */
    private record Device(int number, double[] values, AtomicReference<Link> link) { }

    /** The life of one link, on a thread of its own. */
    private final class Link implements Runnable {
        private final Socket socket;
        private final Thread thread;
        private InputStream in;
        private OutputStream out;
        private Device device;
        private byte[] buf;
        private int have; // bytes in buf that are the beginning of an answer
        private boolean asked; // a question is in flight
        private int waited; // times that a question was due since
        private volatile byte[] command; // that is in flight; null: none

        Link(Socket socket) {
            this.socket = socket;
            thread = new Thread(null, this, "link");
        }

        @Override
        public void run() {
            try (socket) {
                socket.setTcpNoDelay(true);
                socket.setKeepAlive(true);
                socket.setOption(ExtendedSocketOptions.TCP_KEEPIDLE, 60);
                socket.setOption(ExtendedSocketOptions.TCP_KEEPINTERVAL, 10);
                socket.setOption(ExtendedSocketOptions.TCP_KEEPCOUNT, 3);
                in = socket.getInputStream();
                out = socket.getOutputStream();
                String id = new String(in.readNBytes(ID_BYTES), StandardCharsets.ISO_8859_1);
                hold();
                device = devices.get(id);
                if (device != null) {
                    serve(id);
                }
            } catch (IOException e) {
                // The link has ended: there is nobody to tell.
            }
        }

        private void serve(String id) throws IOException {
            Link old = device.link.getAndSet(this);
            if (old != null) {
                old.socket.close();
            } else {
                bound.incrementAndGet();
            }
            try {
                buf = new byte[options.job == Job.POLL ? 64 : 4096];
                if (options.job == Job.POLL && device.number % options.share == 0) {
                    poll(id);
                } else {
                    while (receive()) { }
                }
            } finally {
                if (device.link.compareAndSet(this, null)) {
                    bound.decrementAndGet();
                }
            }
        }

        /** Asks on a grid of its own, and reads in between. */
        private void poll(String id) throws IOException {
            long now = System.nanoTime() - start;
            long phase = Math.floorMod(id.hashCode() * 0x9E3779B97F4A7C15L, options.period);
            long due = now - now % options.period + phase;
            if (due <= now) {
                due += options.period;
            }
            for (;;) {
                long left = due - (System.nanoTime() - start);
                if (left <= 0) {
                    ask(due);
                    due += options.period;
                } else {
                    socket.setSoTimeout((int) (left / 1_000_000) + 1);
                    try {
                        if (!receive()) {
                            return;
                        }
                    } catch (SocketTimeoutException e) {
                        // The next question is due.
                    }
                }
            }
        }

        /** Sends the question that is due, unless another has not been waited for long enough. */
        private void ask(long due) throws IOException {
            hold();
            if (asked) {
                lost.increment();
                if (++waited * options.period < PATIENCE) {
                    return;
                }
            }
            long late = (System.nanoTime() - start - due) / 1000;
            int bucket = Arrays.binarySearch(BOUNDS, late);
            lag.incrementAndGet(bucket < 0 ? ~bucket : bucket);
            asked = true;
            waited = have = 0;
            out.write(QUESTION);
        }

        /** Reads once and does with it what the job is; false at the end of the link. */
        private boolean receive() throws IOException {
            int n = in.read(buf, have, buf.length - have);
            if (n < 0) {
                return false;
            }
            hold();
            bytesIn.add(n);
            if (options.job == Job.ECHO) {
                out.write(buf, 0, n);
            } else if (options.job == Job.POLL || command != null) {
                answers(have + n);
            }
            return true;
        }

        /** Takes the answers out of the first bytes of buf and throws away what is none. */
        private void answers(int length) {
            int at = 0;
            boolean rubbish = false;
            for (int took; at < length && (took = take(at, length - at)) != 0; at += Math.abs(took)) {
                rubbish |= took < 0;
            }
            have = length - at;
            System.arraycopy(buf, at, buf, 0, have);
            if (rubbish && options.job == Job.POLL) {
                lost.increment();
            }
        }

        /** Looks for an answer in buf and returns its length; 0 if more has to come, -1 if there is none. */
        private int take(int at, int length) {
            if (asked && begins(at, length, ANSWER_HEAD)) {
                if (length < ANSWER) {
                    return 0;
                }
                int crc = crc16(buf, at, ANSWER - 2);
                if (buf[at + ANSWER - 2] == (byte) crc && buf[at + ANSWER - 1] == (byte) (crc >> 8)) {
                    for (int i = 0; i < REGISTERS; i++) {
                        device.values[i] = (short) (buf[at + 3 + 2 * i] << 8 | buf[at + 4 + 2 * i] & 0xFF) / 10.0;
                    }
                    asked = false;
                    polls.increment();
                    return ANSWER;
                }
            }
            byte[] sent = command;
            if (sent != null && begins(at, length, sent)) {
                if (length < sent.length) {
                    return 0;
                }
                command = null;
                commands.increment();
                return sent.length;
            }
            return -1;
        }

        private boolean begins(int at, int length, byte[] with) {
            int n = Math.min(length, with.length);
            return Arrays.equals(buf, at, at + n, with, 0, n);
        }

        /** Sends a command from the control thread. A write is whole. */
        void order(byte[] frame) {
            command = frame;
            try {
                out.write(frame);
            } catch (IOException e) {
                // The link has ended, which its own thread will notice.
            }
        }
    }

    /** Waits while all links are held up. */
    private void hold() {
        for (long left; (left = stallEnd - System.nanoTime()) > 0;) {
            LockSupport.parkNanos(left);
        }
    }

    /** Of CRC-16/MODBUS: polynomial 8005 reflected, initially FFFF. */
    private static int[] crcTable() {
        int[] table = new int[256];
        for (int i = 0; i < table.length; i++) {
            int c = i;
            for (int k = 0; k < 8; k++) {
                c = (c & 1) != 0 ? c >>> 1 ^ 0xA001 : c >>> 1;
            }
            table[i] = c;
        }
        return table;
    }

    private static int crc16(byte[] b, int from, int length) {
        int c = 0xFFFF;
        for (int i = from; i < from + length; i++) {
            c = c >>> 8 ^ CRC_TABLE[(c ^ b[i]) & 0xFF];
        }
        return c;
    }

    /** A frame with its CRC. */
    private static byte[] sealed(int... body) {
        byte[] b = new byte[body.length + 2];
        for (int i = 0; i < body.length; i++) {
            b[i] = (byte) body[i];
        }
        int crc = crc16(b, 0, body.length);
        b[body.length] = (byte) crc;
        b[body.length + 1] = (byte) (crc >> 8);
        return b;
    }

    private void control(HttpExchange x) throws IOException {
        try (x) {
            switch (x.getRequestMethod() + " " + x.getRequestURI().getPath()) {
                case "GET /stats" -> reply(x, 200, stats());
                case "POST /free" -> {
                    System.gc();
                    reply(x, 204, "");
                }
                case "POST /command" -> {
                    command();
                    reply(x, 204, "");
                }
                case "POST /stall" -> {
                    boolean stalls = stall(x.getRequestURI().getQuery());
                    reply(x, stalls ? 204 : 400, stalls ? "" : "give /stall?ms=N, 1 to " + MOST_STALL + "\n");
                }
                default -> reply(x, 404, "there are GET /stats and POST /free, /stall?ms=N and /command\n");
            }
        }
    }

    private static void reply(HttpExchange x, int status, String body) throws IOException {
        byte[] b = body.getBytes(StandardCharsets.UTF_8);
        x.sendResponseHeaders(status, b.length == 0 ? -1 : b.length);
        x.getResponseBody().write(b);
    }

    private String stats() {
        return String.format("{\"bound\":%d,\"bytes_in\":%d,\"polls\":%d,\"lost\":%d,\"commands\":%d,\"lag\":%s}%n",
            bound.get(), bytesIn.sum(), polls.sum(), lost.sum(), commands.sum(), lag);
    }

    private boolean stall(String query) {
        boolean number = query != null && query.matches("ms=[0-9]{1,4}");
        int ms = number ? Integer.parseInt(query.substring("ms=".length())) : 0;
        if (ms >= 1 && ms <= MOST_STALL) {
            stallEnd = System.nanoTime() + ms * 1_000_000L;
            return true;
        }
        return false;
    }

    private void command() {
        commandNumber++;
        int value = 50 + commandNumber % 350; // what every device takes: 5.0 to 40.0 degrees
        byte[] frame = sealed(1, 6, 0, 0, value >> 8, value);
        for (Device d : devices.values()) {
            Link l = d.link.get();
            if (l != null) {
                l.order(frame);
            }
        }
    }

    private void run() throws IOException {
        ServerSocket listener = new ServerSocket(0, 4096, options.ip);
        System.setProperty("sun.net.httpserver.nodelay", "true");
        HttpServer http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 16);
        http.createContext("/", this::control);
        http.start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> Runtime.getRuntime().halt(0))); // else SIGTERM gives 143
        System.out.printf("listening=%s:%d control=127.0.0.1:%d%n", options.ip.getHostAddress(),
            listener.getLocalPort(), http.getAddress().getPort());
        for (;;) {
            try {
                accept(listener.accept());
            } catch (IOException e) { // no descriptors: some may come back
                LockSupport.parkNanos(10_000_000);
            }
        }
    }

    private void accept(Socket socket) throws IOException {
        try {
            new Link(socket).thread.start();
        } catch (OutOfMemoryError e) { // no more threads
            socket.close();
        }
    }

    private static Options parse(String[] args) throws IOException {
        Map<String, String> flags = new HashMap<>(Map.of("-n", "50000", "-job", "echo", "-p", "1000", "-share", "1",
            "-loops", "1", "-addr", "127.0.0.1"));
        for (int i = 0; i < args.length; i += 2) {
            if (i + 1 == args.length || flags.replace(args[i], args[i + 1]) == null) {
                throw new IllegalArgumentException(args[i] + ": give -n DEVICES, -job echo|sink|poll, -p POLL_MS, "
                    + "-share N, -loops N, -addr IP");
            }
        }
        number(flags, "-loops"); // there is a thread for each link
        Job job = Job.valueOf(flag(flags, "-job", "echo|sink|poll", "echo, sink or poll").toUpperCase());
        String ip = flag(flags, "-addr", "[0-9]{1,3}([.][0-9]{1,3}){3}", "an IPv4 address");
        return new Options(number(flags, "-n"), job, number(flags, "-p") * 1_000_000L, number(flags, "-share"),
            InetAddress.getByName(ip));
    }

    private static int number(Map<String, String> flags, String name) {
        return Integer.parseInt(flag(flags, name, "[1-9][0-9]{0,6}", "a number from 1 to 9999999"));
    }

    private static String flag(Map<String, String> flags, String name, String pattern, String right) {
        String text = flags.get(name);
        if (text.matches(pattern)) {
            return text;
        }
        throw new IllegalArgumentException(name + " " + text + ": give " + right);
    }

    public static void main(String[] args) throws IOException {
        try {
            new Server(parse(args)).run();
        } catch (IllegalArgumentException e) {
            System.err.println(e.getMessage());
            System.exit(2);
        }
    }
}
