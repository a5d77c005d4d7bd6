import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Sends records with Kafka's own client: Produce SERVERS TOPIC FILE.
 *
 * Each line of the file is a record: CODEC MODE KEY VALUE NAME=CONTENT..., with key, value and headers' contents in
 * base64; MODE is plain, committed or aborted. Records of one codec and mode are sent by one producer, the latter two in
 * one transaction. Prints a line for each that the brokers confirmed: its number in the file, partition and offset.
 */
public class Produce {
    record Line(int number, String[] fields) {}

    public static void main(String[] arguments) throws Exception {
        Map<List<String>, List<Line>> byProducer = new LinkedHashMap<>();
        int number = 0;
        for (String line : Files.readAllLines(Path.of(arguments[2]))) {
            String[] fields = line.split(" ");
            byProducer.computeIfAbsent(List.of(fields[0], fields[1]), kind -> new ArrayList<>())
                .add(new Line(number++, fields));
        }
        for (Map.Entry<List<String>, List<Line>> entry : byProducer.entrySet()) {
            send(arguments[0], arguments[1], entry.getKey().get(0), entry.getKey().get(1), entry.getValue());
        }
    }

    static void send(String servers, String topic, String codec, String mode, List<Line> lines) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", servers);
        settings.put("compression.type", codec);
        settings.put("linger.ms", "50");
        settings.put("max.request.size", "10485760");
        boolean transactional = !mode.equals("plain");
        if (transactional) {
            settings.put("transactional.id", topic + "-" + codec + "-" + mode);
        }
        var bytes = new ByteArraySerializer();
        try (var producer = new KafkaProducer<byte[], byte[]>(settings, bytes, bytes)) {
            if (transactional) {
                producer.initTransactions();
                producer.beginTransaction();
            }
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (Line line : lines) {
                sent.add(producer.send(record(topic, line.fields())));
            }
            producer.flush();
            if (mode.equals("committed")) {
                producer.commitTransaction();
            } else if (mode.equals("aborted")) {
                producer.abortTransaction();
            }
            for (int at = 0; at < sent.size(); at++) {
                RecordMetadata metadata = sent.get(at).get();
                System.out.println(lines.get(at).number() + " " + metadata.partition() + " " + metadata.offset());
            }
        }
    }

    static ProducerRecord<byte[], byte[]> record(String topic, String[] fields) {
        Base64.Decoder base64 = Base64.getDecoder();
        var record = new ProducerRecord<>(topic, base64.decode(fields[2]), base64.decode(fields[3]));
        for (int at = 4; at < fields.length; at++) {
            String[] header = fields[at].split("=", 2);
            record.headers().add(header[0], base64.decode(header[1]));
        }
        return record;
    }
}
